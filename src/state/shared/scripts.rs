//! What Redis does in one step each. Time is Redis's own, so that replicas' clocks do not matter.

use std::sync::LazyLock;

use redis::Script;

/// Every script; what is kept of one is its text and hash.
pub(super) static SCRIPTS: LazyLock<Scripts> = LazyLock::new(Scripts::new);

pub(super) struct Scripts {
    pub(super) claim: Script,
    pub(super) renew: Script,
    pub(super) release: Script,
    pub(super) take: Script,
    pub(super) take_of_window: Script,
    pub(super) put: Script,
    pub(super) delete: Script,
    pub(super) list: Script,
    pub(super) announce: Script,
    pub(super) join: Script,
    pub(super) probe: Script,
}

impl Scripts {
    fn new() -> Self {
        Self {
            claim: Script::new(CLAIM),
            renew: Script::new(RENEW),
            release: Script::new(RELEASE),
            take: Script::new(TAKE),
            take_of_window: Script::new(TAKE_OF_WINDOW),
            put: Script::new(PUT),
            delete: Script::new(DELETE),
            list: Script::new(LIST),
            announce: Script::new(ANNOUNCE),
            join: Script::new(JOIN),
            probe: Script::new(PROBE),
        }
    }
}

/// The lease's value is its fence: a counter that is never behind the time, so that fences grow
/// even over a Redis that was emptied.
const CLAIM: &str = r"
if redis.call('EXISTS', KEYS[1]) == 1 then return {0, redis.call('PTTL', KEYS[1])} end
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local fence = tonumber(redis.call('GET', KEYS[2]) or 0) + 1
if fence < now then fence = now end
redis.call('SET', KEYS[2], string.format('%.0f', fence))
redis.call('SET', KEYS[1], string.format('%.0f', fence), 'PX', ARGV[1])
return {fence, 0}
";

const RENEW: &str = r"
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
";

const RELEASE: &str = r"
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
";

/// The generic cell rate algorithm, for many who ask at once: a key holds the time at which its bucket
/// is full again, in microseconds, and expires then. ARGV[1] has one byte for each ask, the place of
/// its plan among the arguments behind it; a plan is interval, capacity and cost of each bucket.
/// Answers for each ask 0 and what remains of its last bucket, or the place of the first that refuses
/// and the microseconds to wait; Redis cuts off what is behind the point. Writes its numbers by `%d`:
/// left to itself, Redis writes each with 17 digits as a fraction, which takes longer. Buckets are not
/// worth a write to the disk, or to replicas, for each request: after a restart or a failover they are
/// full.
const TAKE: &str = r"
redis.set_repl(redis.REPL_NONE)
local call, format, ceil = redis.call, string.format, math.ceil
local time = call('TIME')
local now = time[1] * 1000000 + time[2]
local plans = {}
for p = 2, #ARGV do
  local plan = {}
  for number in string.gmatch(ARGV[p], '%d+') do plan[#plan + 1] = tonumber(number) end
  plans[p - 1] = plan
end
local held = call('MGET', unpack(KEYS))
local order, full, answers, first = ARGV[1], {}, {}, 0
for ask = 1, #order do
  local plan = plans[string.byte(order, ask) + 1]
  local buckets = #plan / 3
  local place, value, at = 0, 0, {}
  for b = 1, buckets do
    local interval, capacity, cost = plan[3 * b - 2], plan[3 * b - 1], plan[3 * b]
    local ahead = (full[KEYS[first + b]] or tonumber(held[first + b]) or now) - now
    if ahead < 0 then ahead = 0 elseif ahead > capacity then ahead = capacity end
    local wait = ahead + interval * (cost == 0 and 1 or cost) - capacity
    if wait > 0 then
      place, value = b, wait
      break
    end
    ahead = ahead + interval * cost
    at[b] = now + ahead
    value = (capacity - ahead) / interval
  end
  if place == 0 then
    for b = 1, buckets do
      if plan[3 * b] > 0 then full[KEYS[first + b]] = at[b] end
    end
  end
  answers[2 * ask - 1], answers[2 * ask] = place, value
  first = first + buckets
end
for key, at in pairs(full) do
  call('PSETEX', key, format('%d', ceil((at - now) / 1000)), format('%d', at))
end
return answers
";

/// Exactly so many in any window: a list of the moments at which they were taken.
const TAKE_OF_WINDOW: &str = r"
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local most, window = tonumber(ARGV[1]), tonumber(ARGV[2])
local oldest = redis.call('LINDEX', KEYS[1], 0)
while oldest and (tonumber(oldest) <= now - window or tonumber(oldest) > now) do
  redis.call('LPOP', KEYS[1])
  oldest = redis.call('LINDEX', KEYS[1], 0)
end
local taken = redis.call('LLEN', KEYS[1])
if taken >= most then
  local frees = redis.call('LINDEX', KEYS[1], taken - most)
  return math.max(tonumber(frees) + window - now, 1)
end
redis.call('RPUSH', KEYS[1], string.format('%.0f', now))
redis.call('PEXPIRE', KEYS[1], math.ceil(window / 1000))
return 0
";

/// Ids are indexed by when their records end. What may grow comes first: a Redis without memory
/// refuses that, but not what follows a write. 1: written, 0: one is there, -1: the space is full.
const PUT: &str = r"
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local there = redis.call('EXISTS', KEYS[1])
if ARGV[4] == '1' and there == 1 then return 0 end
local live = redis.call('ZCOUNT', KEYS[2], '(' .. now, '+inf')
if there == 0 and live >= tonumber(ARGV[5]) then return -1 end
local ttl = tonumber(ARGV[3])
if ttl > 0 then
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
  redis.call('ZADD', KEYS[2], now + ttl, ARGV[1])
else
  redis.call('SET', KEYS[1], ARGV[2])
  redis.call('ZADD', KEYS[2], '+inf', ARGV[1])
end
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
return 1
";

const DELETE: &str = r"
redis.call('ZREM', KEYS[2], ARGV[1])
return redis.call('DEL', KEYS[1])
";

const LIST: &str = r"
local rows = {}
for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  local text = redis.call('GET', ARGV[1] .. id)
  if text then rows[#rows + 1] = {id, text} end
end
return rows
";

/// Sequence numbers begin at the time, so that those of a Redis that was emptied leave a gap.
const ANNOUNCE: &str = r"
if redis.call('EXISTS', KEYS[1]) == 0 then
  local time = redis.call('TIME')
  redis.call('SET', KEYS[1], string.format('%.0f', time[1] * 1000000 + time[2]))
end
local sequence = redis.call('INCR', KEYS[1])
redis.call('PUBLISH', ARGV[1], string.format('%.0f', sequence) .. ' ' .. ARGV[2])
";

/// Which generation of the data this is (made here if there is none; '' where that cannot be
/// written), and the last sequence number.
const JOIN: &str = r"
local generation = redis.call('GET', KEYS[1])
if not generation then
  local time = redis.call('TIME')
  generation = string.format('%.0f', time[1] * 1000000 + time[2])
  local set = redis.pcall('SET', KEYS[1], generation)
  if set.err then generation = '' else redis.call('SET', KEYS[2], generation, 'NX') end
end
return {generation, redis.call('GET', KEYS[2]) or '0'}
";

const PROBE: &str = r"
redis.call('SET', KEYS[1], '', 'PX', ARGV[1])
";
