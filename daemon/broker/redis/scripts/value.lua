-- For the scripts that sort jobs by a key of their arguments.
-- What the pointer leads to in a job's arguments, as job::key_value says.
local function value_of(task, args)
  local good, at = pcall(cjson.decode, args)
  if not good then return '' end
  for token in string.gmatch(task.key, '/([^/]*)') do
    if type(at) ~= 'table' then return '' end
    token = string.gsub(string.gsub(token, '~1', '/'), '~0', '~')
    local found = at[token]
    if found == nil and string.find(token, '^%d+$') and at[1] ~= nil then found = at[tonumber(token) + 1] end
    at = found
  end
  if type(at) == 'string' then return (string.gsub(at, '%z', '')) end
  if type(at) == 'boolean' then return tostring(at) end
  if type(at) == 'number' then return string.format('%.17g', at) end
  return ''
end
