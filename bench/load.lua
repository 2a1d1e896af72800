-- The visitors: one request per hostname, made ahead, sent in turn over kept connections.
-- Arguments: number of hostnames (0: site.bench.test), path, value of If-None-Match or "-".
local requests, turn = {}, 0

function init(args)
  local hosts, path, etag = tonumber(args[1]), args[2], args[3]
  local headers = {}
  if etag ~= "-" then headers["If-None-Match"] = etag end
  for number = 1, math.max(hosts, 1) do
    headers["Host"] = hosts == 0 and "site.bench.test" or ("app-" .. number .. ".bench.test")
    requests[number] = wrk.format("GET", path, headers)
  end
end

function request()
  turn = turn % #requests + 1
  return requests[turn]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format("RESULT %d %d %d %d\n", summary.requests, summary.duration,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout, latency:percentile(99)))
end
