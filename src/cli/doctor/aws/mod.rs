//! `--aws`: reads the AWS accounts that the objects use, with the credentials of the user. All calls are reads.

mod flags;
mod needs;
mod permissions;
mod queues;
mod quotas;
mod read;

pub(super) use flags::AwsReadFlags;
pub(super) use read::read;
