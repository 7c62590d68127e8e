-- Actions of an object of tributary.dev. The operator does not touch an object that is paused.
local paused = obj.metadata.annotations ~= nil and obj.metadata.annotations["tributary.dev/paused"] == "true"
return {reconcile = {disabled = paused}}
