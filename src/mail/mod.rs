//! The mail that tells a recipient of an award: queued with the award, sent after it.

mod deliver;
mod queue;
mod transport;

pub use deliver::{Mailer, deliver};
pub use queue::{AwardMail, MailStatus, delay, queue_award, requeue_award};
pub use transport::Transport;
