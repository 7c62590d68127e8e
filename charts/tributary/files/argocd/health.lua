-- Health of an object of tributary.dev. Waiting is Progressing, also for an object that does not exist: the next one of the same sync may be it.
local own = {}
local ready, stalled = nil, nil
local status = obj.status or {}
for _, condition in ipairs(status.conditions or {}) do
  if condition.type == "Ready" then
    ready = condition
  elseif condition.type == "Stalled" then
    stalled = condition
  elseif condition.type ~= "Reconciling" then
    table.insert(own, condition)
  end
end
-- What `tributary sync` writes for a sink with spec.postgres.
for _, condition in ipairs((status.sync or {}).conditions or {}) do
  table.insert(own, condition)
end

local function health(name, message)
  return {status = name, message = message}
end

-- What the account of the object holds back.
local held = {ApprovalRequired = true, DeletionBudgetExceeded = true, WaitingForWindow = true}
local is_held = ready ~= nil and held[ready.reason] == true

local is_stalled = stalled ~= nil and stalled.status == "True"
if obj.metadata.deletionTimestamp ~= nil then
  if is_stalled then
    return health("Degraded", stalled.message)
  end
  if is_held then
    return health("Suspended", ready.message)
  end
  return health("Progressing", "deletion in progress")
end
if ready ~= nil and ready.reason == "Paused" then
  return health("Suspended", ready.message)
end
if ready == nil or (status.observedGeneration ~= nil and status.observedGeneration ~= obj.metadata.generation) then
  return health("Progressing", "the operator has not processed the last change of the spec")
end
if ready.status ~= "True" then
  if is_stalled then
    return health("Degraded", stalled.message)
  end
  -- managementPolicy: Observe, and AWS differs.
  if ready.reason == "Drifted" or is_held then
    return health("Suspended", ready.message)
  end
  return health("Progressing", ready.message)
end

-- Conditions that only some kinds have. Unknown is no fault: the operator may have no right to read.
local found = health("Healthy", ready.message)
for _, condition in ipairs(own) do
  local bad = "False"
  if condition.type == "WebhooksContested" then
    bad = "True"
  end
  if condition.status == bad then
    if condition.reason ~= "RuleDisabled" then
      return health("Degraded", condition.type .. ": " .. (condition.message or ""))
    end
    found = health("Suspended", condition.message)
  end
end
return found
