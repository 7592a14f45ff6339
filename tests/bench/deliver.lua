-- wrk: one GitHub delivery per request, each with an id of its own, so that none is a repeat.
-- BENCH_HEAD is a file with the constant part of the request head, BENCH_BODY one with the body.

local function read(name)
  local file = assert(io.open(os.getenv(name), "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

local head = read("BENCH_HEAD") .. "X-GitHub-Delivery: " .. os.getenv("BENCH_RUN") .. "-"
local tail = "\r\n\r\n" .. read("BENCH_BODY")
local count = 0

function request()
  count = count + 1
  return head .. count .. tail
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    "\nRESULT %d %d %d %.3f %.3f\n",
    summary.requests, summary.duration,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000
  ))
end
