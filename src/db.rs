//! The database; alone knows that there are two kinds.
//!
//! SQLite has one writing connection on a thread of its own, which commits the writes that wait
//! together, so that they share a flush; PostgreSQL has a pool. Reads have a pool on either; those of
//! SQLite are done at once, those of PostgreSQL wait for it elsewhere.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{
    Receiver, RecvTimeoutError, Sender, SyncSender, TrySendError, channel, sync_channel,
};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use diesel::connection::{
    AnsiTransactionManager, InstrumentationEvent, SimpleConnection, TransactionManager,
};
use diesel::prelude::*;
use diesel::r2d2::R2D2Connection;
use diesel::result::Error as DieselError;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;
use tracing::Span;
use url::Url;

use crate::error::{Error, Result};

const SQLITE_MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
const POSTGRES_MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/postgres");

/// How long a request waits for a connection, a lock or the answer of the other end.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many writes share a commit at most: a bound on how long the first of them waits.
const GROUP: usize = 64;
/// A group of fewer waits for others to come.
const FEW: usize = 8;
/// Until how long after a commit it does so: who has just been told of that comes again.
const GATHER: Duration = Duration::from_millis(1);
/// How often a write is begun again that others got in the way of.
const REPETITIONS: usize = 32;
/// How many wait for SQLite's writing connection, or for one of a pool, before more are refused.
const QUEUE: usize = 1024;
/// How often the observer looks for what others have written.
const OBSERVED_EVERY: Duration = Duration::from_millis(100);

/// A connection to either database.
#[derive(diesel::MultiConnection)]
pub enum AnyConnection {
    Postgres(PgConnection),
    Sqlite(SqliteConnection),
}

/// Runs a query on the connection that is behind `conn`. On that of either kind diesel writes the text of
/// a query each time; on one that it knows, it knows the query by its type.
macro_rules! directly {
    ($conn:ident => $query:expr) => {
        match $conn {
            $crate::db::AnyConnection::Postgres($conn) => $query,
            $crate::db::AnyConnection::Sqlite($conn) => $query,
        }
    };
}
pub(crate) use directly;

/// The database of this instance.
#[derive(Clone)]
pub struct Db {
    readers: Pool,
    /// Where is read from.
    url: String,
    writer: Writer,
    observer: Option<Sender<oneshot::Sender<()>>>,
    statements: Arc<AtomicU64>,
}

#[derive(Clone)]
enum Writer {
    Queue(SyncSender<Write>),
    Pool(Pool),
}

/// Connections, as many threads to wait for them on, and who waits for a thread: each in turn, and no more
/// than [`QUEUE`].
#[derive(Clone)]
struct Pool {
    connections: r2d2::Pool<Manager>,
    threads: Handle,
    room: Arc<Semaphore>,
}

/// An operation whose type is forgotten, and which keeps its result aside: little is compiled anew for each.
type Operation = Box<dyn FnOnce(&mut AnyConnection) -> Result<()> + Send>;

/// The operation, and where its result is once it has run without an error.
fn boxed<T: Send + 'static>(
    operation: impl FnOnce(&mut AnyConnection) -> Result<T> + Send + 'static,
) -> (Operation, oneshot::Receiver<T>) {
    let (keep, kept) = oneshot::channel();
    let operation = Box::new(|connection: &mut AnyConnection| {
        let _ = keep.send(operation(connection)?);
        Ok(())
    });
    (operation, kept)
}

/// The result of an operation that has run without an error.
fn taken<T>(mut kept: oneshot::Receiver<T>) -> Result<T> {
    kept.try_recv().map_err(Error::internal)
}

/// A write in the queue: run in the transaction of its group, it returns what tells its caller
/// whether that was committed. Given an error instead, it tells that no transaction could be opened.
type Write = Box<dyn FnOnce(Result<&mut AnyConnection, &DieselError>) -> Acknowledge + Send>;
type Acknowledge = Box<dyn FnOnce(Result<(), &DieselError>)>;

impl Db {
    /// Opens the database at the URL, and the replica to read from where there is one.
    pub fn open(url: &str, replica: Option<&str>, connections: u32) -> Result<Self, OpenError> {
        let statements = Arc::<AtomicU64>::default();
        let manager = |url: &str, read_only| Manager {
            url: url.into(),
            read_only,
            statements: statements.clone(),
        };
        let pool = |manager| -> Result<Pool, OpenError> {
            Ok(Pool {
                connections: r2d2::Pool::builder()
                    .max_size(connections)
                    .min_idle(Some(1))
                    .connection_timeout(PATIENCE)
                    .test_on_check_out(false)
                    .build_unchecked(manager),
                threads: threads(connections as usize)?,
                room: Arc::new(Semaphore::new(QUEUE)),
            })
        };
        let primary = manager(url, false);
        let mut first = r2d2::ManageConnection::connect(&primary)?;
        migrate(&mut first.connection)?;
        Ok(Self {
            readers: pool(manager(replica.unwrap_or(url), true))?,
            url: replica.unwrap_or(url).into(),
            observer: None,
            writer: match first.connection {
                AnyConnection::Sqlite(_) => Writer::Queue(start_writing(first, primary)?),
                AnyConnection::Postgres(_) => Writer::Pool(pool(primary)?),
            },
            statements,
        })
    }

    /// Has somebody look at the database, as readers see it: after each write, before that is
    /// acknowledged, and every so often for the writes of others. They are told where there is no
    /// connection, and get another one where they fail. The thread ends when the last [`Db`] is gone.
    pub fn observed(
        self,
        mut observe: impl FnMut(Option<&mut AnyConnection>) -> QueryResult<()> + Send + 'static,
    ) -> Result<Self, OpenError> {
        let (observer, writes) = channel::<oneshot::Sender<()>>();
        let url = self.url.clone();
        let mut connection = None;
        std::thread::Builder::new()
            .name("observer".into())
            .spawn(move || {
                loop {
                    let first = match writes.recv_timeout(OBSERVED_EVERY) {
                        Ok(write) => Some(write),
                        Err(RecvTimeoutError::Timeout) => None,
                        Err(RecvTimeoutError::Disconnected) => break,
                    };
                    // Who waits is told by dropping the other end.
                    let _writes: Vec<_> = first.into_iter().chain(writes.try_iter()).collect();
                    if connection.is_none() {
                        connection = establish(&url, true).and_then(by_index).ok();
                    }
                    if let Err(error) = observe(connection.as_mut())
                        && connection.take().is_some()
                    {
                        tracing::warn!(%error, "cannot see what has changed");
                    }
                }
            })
            .map_err(|error| OpenError(error.to_string()))?;
        Ok(Self {
            observer: Some(observer),
            ..self
        })
    }

    /// Waits until what was just written has been observed.
    async fn observe(&self) {
        if let Some(observer) = &self.observer {
            let (write, observed) = oneshot::channel();
            if observer.send(write).is_ok() {
                let _ = observed.await; // Never sent: see above.
            }
        }
    }

    /// Runs what reads little, by an index. With SQLite, in place: handing it to another thread
    /// would take as long.
    pub async fn read<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&mut AnyConnection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (operation, kept) = boxed(operation);
        // PostgreSQL's connections are for those whose turn it is.
        let in_place = match self.writer {
            Writer::Queue(_) => self.readers.connections.try_get(),
            Writer::Pool(_) => None,
        };
        match in_place {
            Some(mut pooled) => unwound(|| pooled.run(operation))?,
            None => self.readers.run(operation).await?,
        }
        taken(kept)
    }

    /// Runs what may read much.
    pub async fn scan<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&mut AnyConnection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (operation, kept) = boxed(operation);
        self.readers.run(operation).await?;
        taken(kept)
    }

    /// Runs what writes in one transaction, and returns once that is durable.
    pub async fn write<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&mut AnyConnection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (operation, kept) = boxed(operation);
        match &self.writer {
            Writer::Pool(pool) => {
                let transaction =
                    |connection: &mut AnyConnection| connection.transaction(operation);
                pool.run(Box::new(transaction)).await?;
            }
            Writer::Queue(queue) => enqueue(queue, operation).await?,
        }
        self.observe().await;
        taken(kept)
    }

    /// The same for what may find that others changed at the same moment what it saw
    /// ([`Error::Conflict`]): it is then begun again, some times, as if it had come later.
    pub async fn write_repeatably<T: Send + 'static>(
        &self,
        mut operation: impl FnMut(&mut AnyConnection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let Writer::Pool(pool) = &self.writer else {
            return self.write(operation).await;
        };
        let (operation, kept) = boxed(move |connection| {
            let mut result = connection.transaction(&mut operation);
            for _ in 0..REPETITIONS {
                if !matches!(result, Err(Error::Conflict)) {
                    break;
                }
                result = connection.transaction(&mut operation);
            }
            result
        });
        pool.run(operation).await?;
        self.observe().await;
        taken(kept)
    }

    /// How many statements this instance has run.
    pub fn statements(&self) -> u64 {
        self.statements.load(Ordering::Relaxed)
    }
}

/// Has the thread that owns SQLite's writing connection run the operation, and waits for its commit.
async fn enqueue(queue: &SyncSender<Write>, operation: Operation) -> Result<()> {
    let (reply, answer) = oneshot::channel();
    let span = Span::current();
    let write: Write = Box::new(move |connection| {
        let result = match connection {
            Ok(connection) => span.in_scope(|| {
                connection.transaction(|connection| unwound(|| operation(connection)))
            }),
            Err(error) => Err(Error::unavailable(format!(
                "no transaction could be opened: {error}"
            ))),
        };
        Box::new(move |committed| {
            let lost = |error| Error::unavailable(format!("the commit failed: {error}"));
            // A caller that has gone away needs no answer.
            let _ = reply.send(committed.map_err(lost).and(result));
        })
    });
    queue.try_send(write).map_err(|error| match error {
        TrySendError::Full(_) => Error::unavailable("too many writes are waiting"),
        TrySendError::Disconnected(_) => Error::internal("the writing thread has ended"),
    })?;
    answer.await.map_err(Error::unavailable)?
}

impl Pool {
    /// Runs the operation off the request threads, which must not wait for a disk or another machine.
    async fn run(&self, operation: Operation) -> Result<()> {
        let place = self.room.clone().try_acquire_owned();
        let place =
            place.map_err(|_| Error::unavailable("too many requests wait for a connection"))?;
        let (connections, span) = (self.connections.clone(), Span::current());
        let work = move || {
            let _until_then = place;
            let mut pooled = connections.get().map_err(Error::unavailable)?;
            span.in_scope(|| pooled.run(operation))
        };
        // The caller's until a thread takes it: of who has given up, or gone away, nothing is done.
        let waiting = Arc::new(Mutex::new(Some(work)));
        let next = Arc::downgrade(&waiting);
        let mut done = self.threads.spawn_blocking(move || {
            let work = next.upgrade()?.lock().ok()?.take()?;
            Some(unwound(work))
        });
        let result = match timeout(PATIENCE, &mut done).await {
            Ok(result) => result,
            Err(_) if waiting.lock().is_ok_and(|mut work| work.take().is_some()) => {
                return Err(Error::unavailable("no connection was free in time"));
            }
            Err(_) => done.await,
        };
        let gone = || Err(Error::internal("nobody waited for it"));
        result.map_err(Error::internal)?.unwrap_or_else(gone)
    }
}

/// Threads for what waits for a disk or another machine. One that is done begins at once with what has waited
/// longest, and ends where nothing comes. Their runtime is never dropped: that waits, as no request thread may.
fn threads(number: usize) -> Result<Handle, OpenError> {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.max_blocking_threads(number).build();
    let runtime = runtime.map_err(|error| OpenError(error.to_string()))?;
    let handle = runtime.handle().clone();
    std::mem::forget(runtime);
    Ok(handle)
}

/// A panic is a failure of one operation, not of the thread that runs it.
fn unwound<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let message = panic.downcast_ref::<String>().map(String::as_str);
        let message = message.or(panic.downcast_ref::<&str>().copied());
        Err(Error::internal(format!(
            "a panic: {}",
            message.unwrap_or("without a message")
        )))
    })
}

/// Starts the thread that owns SQLite's writing connection. It ends when the last [`Db`] is gone.
fn start_writing(mut pooled: Pooled, manager: Manager) -> Result<SyncSender<Write>, OpenError> {
    let (queue, waiting) = sync_channel(QUEUE);
    std::thread::Builder::new()
        .name("writer".into())
        .spawn(move || {
            let mut committed = Instant::now();
            while let Ok(first) = waiting.recv() {
                let mut group = vec![first];
                group.extend(waiting.try_iter().take(FEW));
                if group.len() < FEW {
                    std::thread::sleep(GATHER.saturating_sub(committed.elapsed()));
                }
                if let Err(error) = write_group(group, &waiting, &mut pooled.connection) {
                    tracing::warn!(%error, "a group of writes was not committed");
                    // A full disk ends SQLite's transaction behind diesel's back: begin afresh.
                    pooled = r2d2::ManageConnection::connect(&manager).unwrap_or(pooled);
                }
                committed = Instant::now();
            }
        })
        .map_err(|error| OpenError(error.to_string()))?;
    Ok(queue)
}

/// Commits a group of writes and those that come meanwhile together, each in a savepoint of its own.
fn write_group(
    group: Vec<Write>,
    waiting: &Receiver<Write>,
    connection: &mut AnyConnection,
) -> QueryResult<()> {
    if let Err(error) = begin_immediate(connection) {
        let tell = |write: Write| write(Err(&error))(Ok(()));
        group.into_iter().for_each(tell);
        return Err(error);
    }
    let more = GROUP - group.len();
    let acknowledgements: Vec<_> = group
        .into_iter()
        .chain(waiting.try_iter().take(more))
        .map(|write| write(Ok(&mut *connection)))
        .collect();
    let committed =
        <AnyConnection as Connection>::TransactionManager::commit_transaction(connection);
    for acknowledge in acknowledgements {
        acknowledge(committed.as_ref().copied());
    }
    committed
}

/// Takes SQLite's write lock at once, so that writers queue instead of failing half-way.
fn begin_immediate(connection: &mut AnyConnection) -> QueryResult<()> {
    match connection {
        AnyConnection::Sqlite(sqlite) => {
            AnsiTransactionManager::begin_transaction_sql(sqlite, "BEGIN IMMEDIATE")
        }
        AnyConnection::Postgres(postgres) => AnsiTransactionManager::begin_transaction(postgres),
    }
}

/// Has the transaction see the database as it is now until its end, and fail where what it changes
/// was changed by others meanwhile. To be called first in it; SQLite's are never otherwise.
pub fn snapshot(connection: &mut AnyConnection) -> QueryResult<()> {
    match connection {
        AnyConnection::Sqlite(_) => Ok(()),
        AnyConnection::Postgres(postgres) => {
            postgres.batch_execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        }
    }
}

/// Runs the migrations that are missing, all or none, one instance at a time.
fn migrate(connection: &mut AnyConnection) -> Result<(), OpenError> {
    let run = |connection: &mut AnyConnection| -> diesel::migration::Result<()> {
        match connection {
            AnyConnection::Sqlite(sqlite) => migrate_with(sqlite, SQLITE_MIGRATIONS),
            AnyConnection::Postgres(postgres) => {
                postgres.batch_execute("SELECT pg_advisory_xact_lock(4702111234474983745)")?;
                migrate_with(postgres, POSTGRES_MIGRATIONS)
            }
        }
    };
    begin_immediate(connection).map_err(OpenError::from)?;
    type Manager = <AnyConnection as Connection>::TransactionManager;
    match run(connection) {
        Ok(()) => Manager::commit_transaction(connection).map_err(OpenError::from),
        Err(error) => {
            Manager::rollback_transaction(connection).map_err(OpenError::from)?;
            Err(OpenError(error.to_string()))
        }
    }
}

fn migrate_with<C, B>(
    connection: &mut C,
    migrations: EmbeddedMigrations,
) -> diesel::migration::Result<()>
where
    B: diesel::backend::Backend,
    C: MigrationHarness<B>,
    EmbeddedMigrations: diesel::migration::MigrationSource<B>,
{
    use diesel::migration::{Migration, MigrationSource};
    let known = MigrationSource::<B>::migrations(&migrations)?;
    let known: Vec<_> = known
        .iter()
        .map(|migration| migration.name().version())
        .collect();
    if let Some(newer) = connection
        .applied_migrations()?
        .iter()
        .find(|applied| !known.contains(applied))
    {
        return Err(format!(
            "its schema is newer ({newer}) than this accolade knows: run the newer one"
        )
        .into());
    }
    connection.run_pending_migrations(migrations)?;
    Ok(())
}

/// Opens connections by the scheme of the URL, set up as the service needs them.
struct Manager {
    url: String,
    read_only: bool,
    statements: Arc<AtomicU64>,
}

struct Pooled {
    connection: AnyConnection,
    failed: bool,
}

impl Pooled {
    /// Runs the operation on the connection, which is not used again where it failed us.
    fn run(&mut self, operation: Operation) -> Result<()> {
        let result = operation(&mut self.connection);
        self.failed = matches!(result, Err(Error::Unavailable(_)));
        result
    }
}

impl r2d2::ManageConnection for Manager {
    type Connection = Pooled;
    type Error = OpenError;

    fn connect(&self) -> Result<Pooled, OpenError> {
        let mut connection = establish(&self.url, self.read_only)?;
        let statements = self.statements.clone();
        connection.set_instrumentation(move |event: InstrumentationEvent<'_>| match event {
            InstrumentationEvent::StartQuery { query, .. } => {
                statements.fetch_add(1, Ordering::Relaxed);
                tracing::trace!(%query);
            }
            InstrumentationEvent::CacheQuery { sql, .. } => tracing::trace!(prepared = sql),
            _ => {}
        });
        Ok(Pooled {
            connection,
            failed: false,
        })
    }

    fn is_valid(&self, pooled: &mut Pooled) -> Result<(), OpenError> {
        if self.has_broken(pooled) {
            Err(OpenError("the connection failed".into()))
        } else {
            Ok(())
        }
    }

    fn has_broken(&self, pooled: &mut Pooled) -> bool {
        pooled.failed || pooled.connection.is_broken()
    }
}

fn establish(url: &str, read_only: bool) -> Result<AnyConnection, OpenError> {
    let Some(path) = url.strip_prefix("sqlite://") else {
        let mut parsed = Url::parse(url)
            .map_err(|error| OpenError(format!("DATABASE_URL is no URL: {error}")))?;
        if !matches!(parsed.scheme(), "postgres" | "postgresql") {
            return Err(OpenError(
                "DATABASE_URL must begin with postgres:// or sqlite://".into(),
            ));
        }
        if !parsed
            .query_pairs()
            .any(|(name, _)| name == "connect_timeout")
        {
            parsed
                .query_pairs_mut()
                .append_pair("connect_timeout", &PATIENCE.as_secs().to_string());
        }
        let mut postgres = PgConnection::establish(parsed.as_str())?;
        postgres.batch_execute(
            "SET statement_timeout = '10s'; SET lock_timeout = '5s'; SET idle_in_transaction_session_timeout = '30s'; \
             SET TIME ZONE 'UTC'",
        )?;
        return Ok(AnyConnection::Postgres(postgres));
    };
    if let Some(folder) = Path::new(path).parent() {
        std::fs::create_dir_all(folder)
            .map_err(|error| OpenError(format!("cannot create {}: {error}", folder.display())))?;
    }
    let mut sqlite = SqliteConnection::establish(path)?;
    sqlite.batch_execute(&format!(
        "PRAGMA busy_timeout = {}; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON",
        PATIENCE.as_millis(),
    ))?;
    // Savepoints undo in memory.
    sqlite.batch_execute(match read_only {
        true => "PRAGMA query_only = ON; PRAGMA cache_size = -8192",
        false => "PRAGMA temp_store = MEMORY; PRAGMA cache_size = -16384",
    })?;
    Ok(AnyConnection::Sqlite(sqlite))
}

/// Has PostgreSQL follow the indexes whatever it estimates. It plans the query of the observer once, when
/// there is little to be seen, or by statistics that say nothing of what has just come.
fn by_index(mut connection: AnyConnection) -> Result<AnyConnection, OpenError> {
    if let AnyConnection::Postgres(postgres) = &mut connection {
        postgres.batch_execute(
            "SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off",
        )?;
    }
    Ok(connection)
}

/// Why a database could not be opened, in a line for the operator.
#[derive(Debug)]
pub struct OpenError(String);

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "cannot open the database: {}",
            self.0.trim().replace('\n', " ")
        )
    }
}

impl std::error::Error for OpenError {}

impl From<ConnectionError> for OpenError {
    fn from(error: ConnectionError) -> Self {
        Self(error.to_string())
    }
}

impl From<diesel::result::Error> for OpenError {
    fn from(error: diesel::result::Error) -> Self {
        Self(error.to_string())
    }
}
