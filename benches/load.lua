-- The requests that benches/run has wrk send, of the kind and with the settings that come as name=value.
-- What was measured leaves as one line of JSON, in milliseconds.

local settings = {}
local random = math.random
local send = {}

function init(arguments)
    for _, argument in ipairs(arguments) do
        local name, value = argument:match("^(%w+)=(.*)$")
        settings[name] = tonumber(value) or value
    end
    if settings.tags then
        settings.tags = dofile(settings.tags)
    end
    math.randomseed(42)
    request = send[settings.kind]
end

local function get(path, header)
    return "GET " .. path .. " HTTP/1.1\r\nHost: localhost\r\n" .. (header or "") .. "\r\n"
end

local function badges(number)
    return "/users/" .. settings.first + number - 1 .. "/badges?limit=10"
end

function send.fixed()
    return get("/")
end

-- The badges of any of the first so many users.
function send.badges()
    return get(badges(random(settings.users)))
end

function send.revalidate()
    local number = random(settings.users)
    return get(badges(number), "If-None-Match: " .. settings.tags[number] .. "\r\n")
end

function send.group()
    return get("/namespaces/" .. random(settings.namespaces) .. "/achievements?limit=20")
end

function send.award()
    local body = '{"userId":' .. settings.first + random(settings.all) - 1 .. "}"
    return "POST /achievements/" .. random(settings.achievements) .. "/award HTTP/1.1\r\nHost: localhost\r\n"
        .. "Authorization: Bearer " .. settings.token .. "\r\nContent-Type: application/json\r\n"
        .. "Content-Length: " .. #body .. "\r\n\r\n" .. body
end

function send.mix()
    return random(100) <= 5 and send.award() or send.badges()
end

function done(summary, latency)
    local errors = 0
    for _, count in pairs(summary.errors) do
        errors = errors + count
    end
    io.write(string.format(
        '\n{"requests": %d, "seconds": %f, "p50": %f, "p99": %f, "errors": %d}\n',
        summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, errors
    ))
end
