//! `head`: the requests and their answers in full; and the write probe, when it is asked for.

use clap::Args;

use super::check::{CheckArgs, Job};
use crate::config::{Canary, CanaryMethod};
use crate::error::{Error, usage};
use crate::target::Target;

/// Arguments of `head`.
#[derive(Debug, Args)]
pub struct HeadArgs {
    /// What to ask, and how.
    #[command(flatten)]
    pub check: CheckArgs,
    /// What to write.
    #[command(flatten)]
    canary: CanaryArgs,
}

/// The write probe, of `head` and of `demo`.
#[derive(Debug, Args)]
#[command(next_help_heading = "Write probe")]
pub struct CanaryArgs {
    /// PUT a tiny object under this key, read it back and delete it; an object that exists is not overwritten
    #[arg(long, value_name = "KEY")]
    put_canary: Option<String>,
    /// The same by a form (POST Object) instead of PUT
    #[arg(long, value_name = "KEY", conflicts_with = "put_canary")]
    post_canary: Option<String>,
}

impl HeadArgs {
    /// What is to be done.
    ///
    /// # Errors
    /// As for `check`; also when a write probe is asked for that cannot be.
    pub async fn job(&self) -> Result<Job, Error> {
        if self.canary.canary()?.is_some() && self.check.key.is_narrowed() {
            return usage(
                "the temporary key of --via-sts may only HEAD and GET, so it cannot write: give --policy with a policy that allows name/cos:PutObject (or PostObject) and name/cos:DeleteObject as well",
            );
        }
        let mut job = self.check.job().await?;
        job.config.limits.count = self.check.network.count.unwrap_or(1);
        self.canary.join(&mut job)?;
        Ok(job)
    }
}

impl CanaryArgs {
    /// Makes the write probe a part of a job, in place of one that the job has.
    ///
    /// # Errors
    /// When it cannot be: a key that no object can have, no key to sign with, an endpoint that takes no writes.
    pub fn join(&self, job: &mut Job) -> Result<(), Error> {
        let Some(canary) = self.canary()? else { return Ok(()) };
        refuse_impossible(&canary, job)?;
        job.config.canary = Some(canary);
        Ok(())
    }

    fn canary(&self) -> Result<Option<Canary>, Error> {
        let (key, by) = match (&self.put_canary, &self.post_canary) {
            (Some(key), _) => (key, CanaryMethod::Put),
            (None, Some(key)) => (key, CanaryMethod::Post),
            (None, None) => return Ok(None),
        };
        let key = key.strip_prefix('/').unwrap_or(key);
        // COS documentation, "Specifications and Limits": a key has 1 to 850 bytes.
        // A proxy may resolve . and .. in the path of the look and of the DELETE, and not in the form of the write.
        let has_dots = key.split('/').any(|part| part == "." || part == "..");
        if key.is_empty() || key.len() > 850 || key.ends_with('/') || key.chars().any(char::is_control) || has_dots {
            return usage(format!(
                "'{}' cannot be the key of a write probe: it should have 1 to 850 bytes, no control characters, no part . or .., and not end with /",
                crate::evidence::clean(key, 60)
            ));
        }
        // COS documentation, "POST Object": it puts the name of the file there, so the object would get another key than the one
        // that was looked at and will be deleted.
        if by == CanaryMethod::Post && key.contains("${filename}") {
            return usage(
                "--post-canary takes no ${filename} in the key, for COS would write under another key: write the key out",
            );
        }
        Ok(Some(Canary { key: key.to_owned(), by }))
    }
}

fn refuse_impossible(canary: &Canary, job: &Job) -> Result<(), Error> {
    if !job.config.signing.has_credential {
        return usage(format!(
            "a write probe needs a key to sign with: set {}, and leave --anonymous away",
            crate::credential::WAYS_TO_SET_A_KEY
        ));
    }
    let unusable = job.config.targets.iter().find(|target| !target.role.takes_back_writes() || target.bucket.is_none());
    if let Some(target) = unusable {
        return usage(format!(
            "a write probe cannot write to {target} and delete again, for it is a {}: give the bucket's default endpoint",
            target.role.describe()
        ));
    }
    let of_same_bucket = |(number, target): &(usize, &Target)| {
        let earlier = &job.config.targets[..*number];
        earlier.iter().any(|earlier| (&earlier.bucket, &earlier.region) == (&target.bucket, &target.region))
    };
    if let Some((_, target)) = job.config.targets.iter().enumerate().find(of_same_bucket) {
        return usage(format!(
            "the write probes of two endpoints would write the same object of {}: give {target} in a run of its own",
            target.bucket.as_deref().unwrap_or_default()
        ));
    }
    let taken =
        job.config.targets.iter().find(|target| target.path == format!("{}{}", target.bucket_path(), canary.key));
    match taken {
        Some(target) => usage(format!(
            "the write probe would write the very object that is asked for, {}{}: give it another key",
            target.host, target.path
        )),
        None => Ok(()),
    }
}
