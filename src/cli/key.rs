//! The key to sign with: the flags that every signing command shares, and taking the first source that has one.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::builder::FalseyValueParser;
use clap::{Args, ValueEnum};

use super::input::read_text;
use super::machine::ThisMachine;
use super::metadata::MetadataArgs;
use super::values;
use crate::config::{Signing, When};
use crate::credential::{
    Credential, Entry, Grant, Metadata, Place, Regions, State, Surroundings, WebIdentity, Wishes, look, to_the_second,
    web_identity,
};
use crate::error::{Error, usage};
use crate::evidence::{Hypothesis, Key, KeyPlace};
use crate::issuer::{Issuer, Request, RequestKind, policy_for};
use crate::target::{Target, TargetDefaults};

/// Which key to use, and whether a temporary one is made of it.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(next_help_heading = "Keys")]
pub(super) struct KeyArgs {
    /// Send anonymous requests only
    #[arg(long, env = "COSPROBE_ANONYMOUS", value_parser = FalseyValueParser::new())]
    pub(super) anonymous: bool,
    /// Where keys are looked for.
    #[command(flatten)]
    pub(super) sources: SourceArgs,
    /// Sign with a temporary key that STS gives for this check, narrowed to the bucket
    #[arg(long, value_name = "KIND", env = "COSPROBE_VIA_STS")]
    via_sts: Option<Kind>,
    /// What to ask STS for.
    #[command(flatten)]
    temporary: TemporaryArgs,
}

/// Where keys are looked for.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(next_help_heading = "Keys")]
pub(super) struct SourceArgs {
    /// Use the key of this profile, of ~/.tencentcloud/credentials or of tccli; variables go first
    #[arg(long, value_name = "NAME", env = "COSPROBE_PROFILE")]
    profile: Option<String>,
    /// The metadata service.
    #[command(flatten)]
    pub(super) metadata: MetadataArgs,
    /// Address of STS, instead of Tencent's
    #[arg(long, value_name = "URL", env = "COSPROBE_STS_URL")]
    sts_url: Option<String>,
}

/// What to ask STS for.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(next_help_heading = "Keys")]
pub(super) struct TemporaryArgs {
    /// Role to take with assume-role, such as `qcs::cam::uin/100000000001:roleName/probe`
    #[arg(long, value_name = "ARN", env = "COSPROBE_ROLE_ARN")]
    role_arn: Option<String>,
    /// Name of the temporary session in the records of the account
    #[arg(
        long,
        visible_alias = "name",
        value_name = "NAME",
        env = "COSPROBE_SESSION_NAME",
        default_value = "cosprobe"
    )]
    session_name: String,
    /// How long the temporary key is valid
    #[arg(long, value_name = "TIME", env = "COSPROBE_DURATION", default_value = "30m", value_parser = values::validity)]
    duration: Duration,
    /// JSON file with the policy of the temporary key, instead of HEAD and GET on the bucket
    #[arg(long, value_name = "FILE", env = "COSPROBE_POLICY")]
    policy: Option<PathBuf>,
}

/// The way to a temporary key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Kind {
    /// A part of what the signing key may do.
    FederationToken,
    /// What a role may do that the signing key may take.
    AssumeRole,
    /// What a role may do, for the token of a TKE pod.
    WebIdentity,
}

/// The key of a run, and how it was found.
#[derive(Debug, Clone, Default)]
pub(super) struct Chosen {
    pub(super) credential: Option<Credential>,
    /// Where a key was looked for, up to the place where one was.
    pub(super) searched: Vec<Place>,
    /// What the user should know.
    pub(super) notes: Vec<String>,
    regions: Regions,
    /// The word of the source that names the regions.
    source: String,
}

/// What came of a source.
pub(super) enum Settled {
    Nothing(String),
    Key(Credential),
}

impl SourceArgs {
    /// What to look for, and whether the metadata service may be asked.
    pub(super) fn wishes(&self) -> Wishes {
        let is_tencent = || crate::sys::machine_vendor().is_some_and(|vendor| crate::sys::is_tencent(&vendor));
        let metadata = match self.metadata.when() {
            When::Always => Metadata::Allowed,
            When::Never => Metadata::Never,
            When::Auto if is_tencent() => Metadata::Allowed,
            When::Auto => Metadata::NotTencent,
        };
        Wishes { profile: self.profile.clone(), metadata }
    }

    /// Who gives temporary keys.
    pub(super) fn issuer(&self, ca_file: Option<&Path>) -> Result<Issuer, Error> {
        let roots = ca_file.map(crate::probe::read_ca_file).transpose()?.unwrap_or_default();
        Issuer::new(roots, self.metadata.url(), self.sts_url.as_deref())
    }

    /// Obtains what has to be obtained. A metadata service that nobody asked for and that is not there is no error.
    pub(super) async fn settle(&self, state: State, issuer: &Issuer) -> Result<Settled, Error> {
        let grant = match state {
            State::Absent(reason) => return Ok(Settled::Nothing(reason)),
            State::Ready(credential) => return Ok(Settled::Key(credential)),
            State::Faulty(error) => return Err(error),
            State::Obtainable(grant) => grant,
        };
        match issuer.obtain(&grant).await {
            Ok(Some(credential)) => Ok(Settled::Key(credential)),
            Ok(None) => Ok(Settled::Nothing("this machine has no role".to_owned())),
            Err(Error::Unreachable { problem, .. })
                if matches!(grant, Grant::Role { .. }) && self.metadata.when() == When::Auto =>
            {
                Ok(Settled::Nothing(problem))
            }
            Err(error) => Err(error),
        }
    }

    /// The first source that has a key.
    pub(super) async fn choose(&self, around: &dyn Surroundings, issuer: &Issuer) -> Result<Chosen, Error> {
        let mut chosen = Chosen::default();
        let wishes = self.wishes();
        for Entry { source, place, state, regions, warnings } in look(around, &wishes) {
            let (outcome, credential) = match self.settle(state, issuer).await? {
                Settled::Nothing(reason) => (reason, None),
                Settled::Key(credential) => ("used".to_owned(), Some(credential)),
            };
            if credential.is_some() {
                if self.profile.is_some() && source.ends_with("_env") {
                    chosen.notes.push(format!("--profile is not used: {place} is set, and variables go first"));
                }
                chosen.notes.extend(warnings);
                (chosen.regions, chosen.source) = (regions, place.clone());
            }
            chosen.searched.push(Place { source, place, outcome });
            if credential.is_some() {
                chosen.credential = credential;
                break;
            }
        }
        Ok(chosen)
    }
}

impl KeyArgs {
    /// Whether the key is a temporary one that may do no more than a check asks.
    pub(super) const fn is_narrowed(&self) -> bool {
        matches!(self.via_sts, Some(Kind::FederationToken | Kind::AssumeRole)) && self.temporary.policy.is_none()
    }

    /// The key that the flags ask for, before it is exchanged at STS.
    pub(super) async fn choose(&self, ca_file: Option<&Path>) -> Result<Chosen, Error> {
        match self.via_sts {
            Some(_) if self.anonymous => usage("--via-sts signs, and --anonymous forbids it: give one of the two"),
            None if self.anonymous => Ok(Chosen::default()),
            Some(Kind::WebIdentity) => {
                let regions = Regions { default: pod_identity()?.region, buckets: Vec::new() };
                Ok(Chosen { regions, source: "TKE_REGION".to_owned(), ..Chosen::default() })
            }
            _ => self.sources.choose(&ThisMachine, &self.sources.issuer(ca_file)?).await,
        }
    }

    /// Exchanges the key for a temporary one that may do what a check of the targets asks, where the flags say so.
    pub(super) async fn exchange(
        &self,
        chosen: &mut Chosen,
        targets: &[Target],
        ca_file: Option<&Path>,
    ) -> Result<(), Error> {
        let Some(kind) = self.via_sts else { return Ok(()) };
        let buckets: Vec<_> =
            targets.iter().filter_map(|t| Some((t.bucket.as_deref()?, t.region.as_deref()))).collect();
        let request = self.temporary.request(kind, &buckets)?;
        let issuer = self.sources.issuer(ca_file)?;
        let credential = issuer.temporary_key(&request, chosen.credential.as_ref()).await?;
        let until =
            credential.expires_at.map_or_else(String::new, |end| format!(", valid until {}", to_the_second(end)));
        chosen.notes.push(format!("signing with a temporary key of {}{until}", credential.source));
        chosen.credential = Some(credential);
        Ok(())
    }
}

impl TemporaryArgs {
    /// What to ask STS for, narrowed to buckets with their regions.
    pub(super) fn request(&self, kind: Kind, buckets: &[(&str, Option<&str>)]) -> Result<Request, Error> {
        let (kind, policy) = match kind {
            Kind::FederationToken => (RequestKind::FederationToken, Some(self.policy(buckets)?)),
            Kind::AssumeRole => match &self.role_arn {
                Some(role_arn) => (RequestKind::AssumeRole { role_arn: role_arn.clone() }, Some(self.policy(buckets)?)),
                None => {
                    return usage("assume-role needs --role-arn, such as qcs::cam::uin/100000000001:roleName/probe");
                }
            },
            Kind::WebIdentity if self.policy.is_some() => {
                return usage("web-identity takes no --policy: STS gives what the role may do");
            }
            Kind::WebIdentity => (RequestKind::WebIdentity(pod_identity()?), None),
        };
        let region = buckets.iter().find_map(|(_, region)| *region).map(str::to_owned);
        let (duration, session) = (Some(self.duration), Some(self.session_name.clone()));
        Ok(Request { kind, policy, duration, region, session })
    }

    fn policy(&self, buckets: &[(&str, Option<&str>)]) -> Result<String, Error> {
        let Some(path) = &self.policy else {
            if buckets.is_empty() {
                return usage(
                    "a temporary key is narrowed to a bucket and no bucket is named: name one, or give --policy",
                );
            }
            return Ok(policy_for(buckets.iter().copied()));
        };
        let text = read_text(path, "the policy")?;
        match serde_json::from_str::<serde_json::Value>(&text) {
            Ok(policy) => Ok(policy.to_string()),
            Err(error) => {
                Err(Error::Malformed { expected: "a policy in JSON", path: path.clone(), problem: error.to_string() })
            }
        }
    }
}

/// What TKE tells this pod, which has to be one.
fn pod_identity() -> Result<WebIdentity, Error> {
    match web_identity(&ThisMachine)? {
        Some(identity) => Ok(identity),
        None => usage("web-identity needs the variables that TKE sets in a pod, and TKE_ROLE_ARN is not set"),
    }
}

impl Chosen {
    /// Reads a target. A bucket without a region gets the one that the source of the key names.
    pub(super) fn target(&mut self, text: &str, defaults: &TargetDefaults) -> Result<Target, Error> {
        let plain = Target::parse(text, defaults);
        let (Err(_), None, Some(region)) = (&plain, &defaults.region, self.region_for(text)) else { return plain };
        let with_region = TargetDefaults { region: Some(region.clone()), ..defaults.clone() };
        match Target::parse(text, &with_region) {
            Ok(target) => {
                self.notes.push(format!("region {region} of {text} comes from {}; --region sets another", self.source));
                Ok(target)
            }
            Err(_) => plain,
        }
    }

    /// The region that the source of the key names for a bucket, as an identifier.
    pub(super) fn region_for(&self, text: &str) -> Option<String> {
        let name = text.strip_prefix("cos://").unwrap_or(text);
        let region = self.regions.of(name.split('/').next().unwrap_or_default())?;
        values::region(region).ok()
    }
}

/// What a run may know of the key: where it came from, where it was looked for, and what could be wrong with it by its looks.
pub(super) fn signing(credential: Option<&Credential>, searched: &[Place]) -> Signing {
    let places = searched.iter().map(|place| KeyPlace { place: place.place.clone(), found: place.outcome.clone() });
    let key = Key { searched: places.collect(), ..Key::default() };
    let Some(credential) = credential else { return Signing { key, ..Signing::default() } };
    let doubts = credential.doubts();
    let suspects = [(doubts.is_wrapped, Hypothesis::KeyTrimmed), (doubts.is_encoded, Hypothesis::KeyDecoded)];
    Signing {
        has_credential: true,
        key: Key {
            source: Some(credential.source.clone()),
            has_token: credential.token.is_some(),
            expires_at: credential.expires_at,
            ..key
        },
        key_hypotheses: suspects.into_iter().filter(|(holds, _)| *holds).map(|(_, hypothesis)| hypothesis).collect(),
        ..Signing::default()
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::credential::FileText;

    /// A machine with one complete family of variables, or none, and no files.
    struct Variables(&'static str);

    impl Surroundings for Variables {
        fn variable(&self, name: &str) -> Option<String> {
            let name = name.strip_prefix(self.0).filter(|_| !self.0.is_empty())?;
            ["_SECRET_ID", "_SECRET_KEY"].contains(&name).then(|| "AKIDfake".to_owned())
        }

        fn file(&self, _: &Path) -> io::Result<FileText> {
            Err(io::ErrorKind::NotFound.into())
        }

        fn names_in(&self, _: &Path) -> Vec<String> {
            Vec::new()
        }

        fn home(&self) -> Option<PathBuf> {
            Some("/home/user".into())
        }

        fn now(&self) -> jiff::Timestamp {
            jiff::Timestamp::UNIX_EPOCH
        }
    }

    fn searched(family: &'static str) -> Vec<Place> {
        let sources = SourceArgs { profile: None, metadata: MetadataArgs::never(), sts_url: None };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let chosen = runtime.block_on(sources.choose(&Variables(family), &sources.issuer(None).unwrap())).unwrap();
        assert_eq!(chosen.credential.is_some(), !family.is_empty());
        chosen.searched
    }

    #[test]
    fn the_places_that_were_looked_at_are_known() {
        let words = |places: Vec<Place>| -> Vec<String> {
            places.into_iter().map(|place| format!("{}: {}", place.source, place.outcome)).collect()
        };
        assert_eq!(words(searched("COS")), ["cos_env: used"]);
        assert_eq!(words(searched("TENCENTCLOUD")), ["cos_env: not set", "tencentcloud_env: used"]);
        let all = searched("");
        assert_eq!((all[4].place.as_str(), all[4].outcome.as_str()), ("/home/user/.cos.conf", "no such file"));
        assert_eq!(words(all).last().unwrap(), "cvm_role: not asked: --metadata never");
    }
}
