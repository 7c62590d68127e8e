-- Reads everything from AWS now, and repairs it.
local os = require("os")
if obj.metadata.annotations == nil then
  obj.metadata.annotations = {}
end
obj.metadata.annotations["tributary.dev/reconcile-at"] = os.date("!%Y-%m-%dT%XZ")
return obj
