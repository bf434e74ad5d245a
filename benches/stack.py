"""What benches/run starts: the databases, filled with the same things, and the service."""

import contextlib, http.client, json, os, random, re, resource, shlex, shutil, socket, sqlite3, subprocess, sys, time
from collections import Counter
from datetime import datetime, timezone
from pathlib import Path

ACHIEVEMENTS, NAMESPACES = 1000, 50
# Ids are given out in order. The maintainer is made first.
MAINTAINER, FIRST_USER = 1, 2
BATCH = 10_000
BEGAN = time.monotonic()


class Failed(Exception):
    """The benchmark cannot go on, or would not measure what it says."""


def say(text):
    print(f"[{time.monotonic() - BEGAN:4.0f} s] {text}", file=sys.stderr, flush=True)


def output(command, **options):
    """What a command printed, which must succeed."""
    command = list(map(str, command))
    done = subprocess.run(command, text=True, capture_output=True, **options)
    if done.returncode != 0:
        raise Failed(f"{shlex.join(command)[:200]}\n{done.stdout[-1000:]}{done.stderr[-3000:]}")
    return done.stdout


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def cpu(pid):
    """The processor seconds of a process, and of its children that have ended."""
    stat = Path(f"/proc/{pid}/stat").read_text()
    return sum(map(int, stat.rpartition(")")[2].split()[11:15])) / os.sysconf("SC_CLK_TCK")


def ask(port, path, headers={}, method="GET", body=None):
    """The status and the body of one answer."""
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as client:
        client.request(method, path, body, headers)
        answer = client.getresponse()
        return answer.status, answer.read()


def now():
    return datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


class Sqlite:
    name, pid = "SQLite", None

    def __init__(self, work, arguments):
        self.work, self.seconds, self.users = work, arguments.seconds, arguments.users

    def start(self):
        self.url = self.empty("bench")

    def empty(self, name):
        return f"sqlite://{self.work}/{name}.db"

    def stop(self):
        pass

    def cpu(self):
        return 0

    def at(self, seconds):
        return f"strftime('%Y-%m-%d %H:%M:%f', '2026-01-01', ({seconds}) || ' seconds')"

    def numbers(self, first, end):
        rows = f"SELECT {first} UNION ALL SELECT i + 1 FROM n WHERE i < {end - 1}"
        return f"(WITH RECURSIVE n (i) AS ({rows}) SELECT i FROM n)"

    def open(self):
        connection = sqlite3.connect(self.work / "bench.db", isolation_level=None)
        connection.execute("PRAGMA synchronous = FULL")
        return connection

    def execute(self, *statements):
        """Fast, not durable. Returns the row of a query."""
        with contextlib.closing(self.open()) as connection:
            for statement in ["PRAGMA synchronous = OFF", "PRAGMA cache_size = -1000000", "BEGIN", *statements]:
                row = connection.execute(statement).fetchone()
            connection.execute("COMMIT")
            return row

    def tidy(self):
        if self.execute("SELECT 1 FROM sqlite_master WHERE name = 'changes'"):
            self.execute("DELETE FROM changes")
        self.execute("ANALYZE")
        with contextlib.closing(self.open()) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        # What the disk would take is nothing of ours.
        with open(self.work / "bench.db", "rb", buffering=0) as file:
            while file.read(1 << 24):
                pass

    def alone(self, statements, drawn):
        """Reads of the service, on one connection: how long each took, and the processor seconds of all."""
        connection = self.open()

        def once():
            for sql, binds in statements:
                values = [random.randint(*drawn[bind]) if bind in drawn else bind for bind in binds]
                connection.execute(sql, values).fetchall()

        return self.timed(once)

    def commits(self):
        """Awards as those of W2 with their mails, each in a transaction of its own."""
        connection = self.open()
        award = (
            "INSERT INTO user_achievements (achievement_id, user_id, awarded_by_user_id, awarded_at)"
            " VALUES (?, ?, ?, ?)"
        )
        mail = "INSERT INTO award_mails (user_achievement_id, queued_at, next_attempt_at) VALUES (?, ?, ?)"

        def once():
            at, user = now(), FIRST_USER + random.randrange(self.users)
            connection.execute("BEGIN IMMEDIATE")
            made = connection.execute(award, (random.randint(1, ACHIEVEMENTS), user, MAINTAINER, at)).lastrowid
            connection.execute(mail, (made, at, at))
            connection.execute("COMMIT")

        return self.timed(once)

    def flushes(self):
        with open(self.work / "flushed", "wb", buffering=0) as file:

            def once():
                os.pwrite(file.fileno(), bytes(4096), 0)
                os.fdatasync(file.fileno())

            return self.timed(once)

    def timed(self, once):
        took, used, began = [], time.process_time(), time.perf_counter()
        last = began
        while last < began + self.seconds:
            once()
            took.append(time.perf_counter() - last)
            last += took[-1]
        return took, last - began, time.process_time() - used, None


class Postgres:
    name = "PostgreSQL"

    def __init__(self, work, arguments):
        self.work, self.seconds, self.connections = work, arguments.seconds, arguments.connections
        self.memory = "1GB" if arguments.awards > 1_000_000 else "256MB"
        self.bin = max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
        self.data, self.port = work / "postgres", free_port()
        self.lock = self.data / "cluster/postmaster.pid"
        self.user = []

    def start(self):
        self.data.mkdir()
        # It refuses to run as root.
        if os.getuid() == 0:
            shutil.chown(self.data, "postgres")
            self.user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"]
        self.control("initdb", "-U", "accolade", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8")
        # As durable as it comes.
        options = (
            f"-h 127.0.0.1 -p {self.port} -k {self.data} -c max_connections=100 -c shared_buffers={self.memory}"
            " -c effective_cache_size=8GB -c random_page_cost=1.1"
        )
        self.control("pg_ctl", "-l", self.data / "log", "-w", "-o", options, "start")
        self.pid = int(self.lock.read_text().split()[0])
        self.url = self.empty("bench")

    def control(self, program, *words):
        command = [*self.user, self.bin / program, "-D", self.data / "cluster", *words]
        # A pipe would stay open as long as the server runs.
        done = subprocess.run(list(map(str, command)), cwd=self.data, stdout=subprocess.DEVNULL)
        if done.returncode != 0:
            raise Failed(f"{program} failed; see its log in {self.data}")

    def stop(self):
        if self.lock.exists():
            self.control("pg_ctl", "-m", "immediate", "stop")

    def client(self, program, *words, **options):
        return output([self.bin / program, "-h127.0.0.1", f"-p{self.port}", "-Uaccolade", *words], **options)

    def empty(self, name):
        self.client("createdb", name)
        return f"postgres://accolade@127.0.0.1:{self.port}/{name}"

    def cpu(self):
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children")
        while True:
            # One that ends meanwhile is counted by the postmaster.
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                return cpu(self.pid) + sum(map(cpu, children.read_text().split()))

    def at(self, seconds):
        return f"timestamp '2026-01-01' + ({seconds}) * interval '1 second'"

    def numbers(self, first, end):
        return f"(SELECT i FROM generate_series({first}, {end - 1}) AS n (i))"

    def execute(self, *statements):
        """Fast, not durable. Returns the row of a query."""
        script = ";\n".join(["SET synchronous_commit = off", *statements])
        printed = self.client("psql", "-qAtX", "-v", "ON_ERROR_STOP=1", "bench", input=script)
        return tuple(map(int, printed.split("|"))) if printed else None

    def tidy(self):
        if self.execute("SELECT 1 FROM pg_class WHERE relname = 'changes'"):
            self.execute("DELETE FROM changes")
        self.execute("VACUUM (ANALYZE)", "CHECKPOINT", "CREATE EXTENSION IF NOT EXISTS pg_prewarm")
        # What the disk would take is nothing of ours.
        self.execute("SELECT sum(pg_prewarm(oid::regclass)) FROM pg_class WHERE relkind IN ('r', 'i') AND oid >= 16384")

    def alone(self, statements, drawn, made=None):
        """Statements of the service, by pgbench: how long all of them took each time, and the processor seconds of
        pgbench and of the database. What is `drawn` is so anew each time; `made` is the id of the award made."""
        variables = {value: f"drawn{number}" for number, value in enumerate(drawn)} | {made: "id"}
        script = [f"\\set {variables[value]} random({low}, {high})" for value, (low, high) in drawn.items()]
        constants = []
        for at, (sql, binds) in enumerate(statements):
            for number in range(len(binds), 0, -1):
                bind, name = binds[number - 1], f"bind{at}_{number}"
                # A variable cannot have these values.
                if bind is None or bind == "":
                    sql = sql.replace(f"${number}", "NULL" if bind is None else "''")
                    continue
                if bind not in variables:
                    constants += ["-D", f"{name}={str(bind).lower() if isinstance(bind, bool) else bind}"]
                sql = sql.replace(f"${number}", f":{variables.get(bind, name)}")
            keeps_id = sql.startswith('INSERT INTO "user_achievements"')
            script.append(f"{sql} \\gset" if keeps_id else f"{sql};")
        (self.work / "script.sql").write_text("\n".join(script) + "\n")
        log = self.work / f"pgbench-{time.monotonic_ns()}"
        words = ["-n", "-Mprepared", f"-c{self.connections}", f"-T{self.seconds}", "-f", self.work / "script.sql"]

        own, database = resource.getrusage(resource.RUSAGE_CHILDREN), self.cpu()
        printed = self.client("pgbench", *words, "-l", "--log-prefix", log, *constants, "bench")
        database = self.cpu() - database
        own = sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2]) - sum(own[:2])
        took = [int(line.split()[2]) / 1e6 for file in self.work.glob(f"{log.name}.*") for line in file.open()]
        return took, len(took) / float(re.search(r"tps = ([\d.]+)", printed)[1]), own, database


def fill(database, awards, users):
    """The same things each time: every user holds as many achievements, each of them once, accepted and shown."""
    start, each = database.at(0), awards // users
    database.execute(
        "INSERT INTO namespaces (path, full_path, name, visibility, created_at, updated_at)"
        f" SELECT 'guild-' || (i + 10), 'guild-' || (i + 10), 'The Guild of ' || (i + 10), 20, {start}, {start}"
        f" FROM {database.numbers(0, NAMESPACES)} AS n",
        "INSERT INTO namespace_ancestors (namespace_id, ancestor_id) SELECT id, id FROM namespaces",
        "INSERT INTO members (namespace_id, user_id, role, created_at)"
        f" SELECT id, {MAINTAINER}, 50, {start} FROM namespaces",
        "INSERT INTO achievements (namespace_id, name, name_key, description, created_at, updated_at)"
        f" SELECT 1 + i % {NAMESPACES}, 'Achievement ' || (i + 1000), 'achievement ' || (i + 1000),"
        f" 'For the change ' || (i + 1000), {start}, {start} FROM {database.numbers(0, ACHIEVEMENTS)} AS n",
    )
    batch = BATCH // each
    for first in range(0, users, batch):
        people = database.numbers(first, min(first + batch, users))
        # 7 and 101 have no divisor in common with the number of achievements: all are held as often.
        database.execute(
            "INSERT INTO users (username, name, email, search_key, created_at, updated_at)"
            " SELECT 'user' || i, 'User Number ' || i, 'user' || i || '@example.com',"
            f" 'user' || i || ' user number ' || i, {start}, {start} FROM {people} AS p",
            "INSERT INTO user_achievements"
            " (achievement_id, user_id, awarded_by_user_id, awarded_at, accepted_at, show_on_profile)"
            f" SELECT 1 + (p.i * 7 + n.i * 101) % {ACHIEVEMENTS}, {FIRST_USER} + p.i, {MAINTAINER},"
            f" {database.at('p.i + 86400 * n.i')}, {database.at('p.i + 86400 * n.i + 3600')}, TRUE"
            f" FROM {people} AS p, {database.numbers(0, each)} AS n",
        )
        if (first + batch) * each % 1_000_000 < batch * each:
            say(f"{database.name}: {min(first + batch, users) * each:,} awards")
    # Used just now: the service notes that every ten minutes.
    database.execute(f"UPDATE personal_access_tokens SET last_used_at = '{now()}'")
    database.tidy()
    counts = database.execute(
        "SELECT (SELECT count(*) FROM user_achievements), sum(user_achievements_count), sum(unique_users_count),"
        " (SELECT max(id) FROM users), count(*) FROM achievements"
    )
    if counts != (users * each, users * each, users * each, FIRST_USER + users - 1, ACHIEVEMENTS):
        raise Failed(f"the database holds something else than it was filled with: {counts}")


class Service:
    """The service: it serves in a with statement, and has ended after it."""

    def __init__(self, binary, url, data, **settings):
        self.binary, self.port, self.log = binary, free_port(), data.with_suffix(".log")
        self.environment = {
            "DATABASE_URL": url,
            "ACCOLADE_DATA_DIR": str(data),
            "ACCOLADE_LISTEN": f"127.0.0.1:{self.port}",
            "ACCOLADE_BASE_URL": "https://accolade.example.com",
            "ACCOLADE_RATE_LIMIT": "0",
            "ACCOLADE_ACHIEVEMENTS": "enabled",
            "SMTP_URL": "smtp://127.0.0.1:1",
            **settings,
        }

    def tool(self, *words):
        return output([self.binary, *words], env=self.environment).strip()

    def __enter__(self):
        began = time.perf_counter()
        with self.log.open("w") as log:
            self.process = subprocess.Popen([self.binary, "serve"], env=self.environment, stdout=log, stderr=log)
        try:
            while not self.ready():
                time.sleep(0.0005)
        except BaseException:
            self.__exit__()
            raise
        self.start_up = time.perf_counter() - began
        return self

    def ready(self):
        if self.process.poll() is not None:
            raise Failed(f"the service has ended:\n{self.log.read_text()[-3000:]}")
        with contextlib.suppress(ConnectionError):
            return ask(self.port, "/readyz")[0] == 200

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def metrics(self):
        """How often it answered each status, and how many statements it has run."""
        text, statuses = ask(self.port, "/metrics")[1].decode(), Counter()
        for labels, count in re.findall(r"^http_server_request_duration_seconds_count{(.*)} (\d+)$", text, re.M):
            if '"/metrics"' not in labels:
                statuses[int(re.search(r'status="(\d+)"', labels)[1])] += int(count)
        return statuses, int(re.search(r"^accolade_db_statements_total (\d+)$", text, re.M)[1])

    def memory(self):
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024

    def tags(self, paths):
        """Asks for each path, and returns the ETags."""
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port)) as client:
            for path in paths:
                client.request("GET", path)
                answer = client.getresponse()
                answer.read()
                if answer.status != 200:
                    raise Failed(f"GET {path} answered {answer.status}")
                yield answer.getheader("ETag")

    def traced(self, path, *request):
        """The answer to a request, and the statements run for it, up to the first commit, with their binds."""

        def logged():
            lines = [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]
            return [line["query"].partition(" -- binds: ") for line in lines if "query" in line]

        # What is run behind the scenes is so every second.
        began = len(logged())
        time.sleep(1.5)
        before = logged()
        behind = {sql for sql, _, _ in before[began:]} - {"BEGIN", "COMMIT"}
        status, body = ask(self.port, path, *request)
        if status not in (200, 201):
            raise Failed(f"{path} answered {status}: {body}")
        statements = [
            (sql, [bound(bind) for bind in re.findall(r'"(?:[^"\\]|\\.)*"|[^\s,\[\]]+', binds)])
            for sql, _, binds in logged()[len(before) :]
            if sql not in behind
        ]
        ends = [number for number, (sql, _) in enumerate(statements, 1) if sql == "COMMIT"]
        return json.loads(body), statements[: ends[0]] if ends else statements


def bound(text):
    """The value of a bind as the log has it."""
    text = re.sub(r"^Some\((.*)\)$", r"\1", text)
    if re.fullmatch(r'-?\d+|".*"|true|false', text):
        return json.loads(text)
    return None if text == "None" else text
