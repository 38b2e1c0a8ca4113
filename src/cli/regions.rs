//! `regions`: the table of regions, and which of them is near.

use clap::{Args, ValueEnum};
use comfy_table::{Table, presets};
use schemars::JsonSchema;
use serde::Serialize;

use super::language::LanguageArgs;
use super::network::NetworkArgs;
use super::sign::Answer;
use crate::config::{
    Config, Limits, MetadataService, NameServers, Policy, Questions, Signing, SystemFiles, Trust, When,
};
use crate::diagnose::{RegionView, rank};
use crate::error::{Error, exit};
use crate::evidence::{Evidence, Outcome, Stage};
use crate::region::{ALIASES, REGIONS, Region, RegionState};
use crate::report::{FORMAT_VERSION, json_text, latency};
use crate::run::Ending;
use crate::target::{Protocol, Service, Target, TargetDefaults};
use crate::text;
use crate::text::{Language, Text};

/// Regions that are measured at the same time: enough to be quick, and no burst that fills a thin line.
const CONCURRENCY: usize = 8;

/// Arguments of `regions`.
#[derive(Debug, Args)]
#[command(
    after_help = "Without --probe nothing is sent. Exit codes of --probe: 0 when a region answers, 1 when none does, \
    3 when none could be tried."
)]
pub struct RegionsArgs {
    /// Measure the TCP round trip to each region's service host, and show the nearest first
    #[arg(long)]
    probe: bool,
    /// Port of the service hosts that is connected to
    #[arg(short, long, value_name = "N", default_value = "443", value_parser = clap::value_parser!(u16).range(1..))]
    port: u16,
    /// How to print
    #[arg(long, value_name = "NAME", default_value = "table")]
    format: RegionsFormat,
    /// Which language people are spoken to in.
    #[command(flatten)]
    language: LanguageArgs,
    /// How the network is asked.
    #[command(flatten)]
    network: NetworkArgs,
}

/// What `--format` of `regions` takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum RegionsFormat {
    /// For people
    Table,
    /// One JSON document
    Json,
}

/// What `regions` writes as JSON.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct RegionsDocument<'a> {
    /// Version of the format of all JSON documents.
    format_version: &'static str,
    /// `regions`.
    kind: &'static str,
    /// The regions; with `--probe`, the nearest first.
    regions: &'a [Row],
}

/// One region in the JSON document.
#[derive(Debug, Serialize, JsonSchema)]
struct Row {
    /// Its name in hosts.
    region: &'static str,
    /// The city.
    place: &'static str,
    /// The country.
    country: &'static str,
    /// Whether new buckets can be made there.
    is_open: bool,
    /// Finance zones have a private network of their own.
    is_finance: bool,
    /// Other names for it.
    aliases: Vec<&'static str>,
    /// The service host, under which regions are measured.
    host: String,
    /// What was measured; null without `--probe`.
    measured: Option<RegionView>,
}

impl RegionsArgs {
    /// What is to be measured, if anything is.
    ///
    /// # Errors
    /// When a region of the table is no target, which is a defect.
    pub fn config(&self) -> Result<Option<Config>, Error> {
        if !self.probe {
            return Ok(None);
        }
        let service = Service { port: self.port, protocol: Protocol::Tcp };
        let of_region = |region: &Region| {
            let target = Target::parse(region.id, &TargetDefaults::default())?;
            Ok(Target { services: vec![service], ..target })
        };
        Ok(Some(Config {
            targets: REGIONS.iter().map(of_region).collect::<Result<_, Error>>()?,
            limits: self.network.limits(&Limits { concurrency: CONCURRENCY, ..Limits::default() }),
            family: self.network.egress.family(self.network.lookup.family())?,
            name_servers: NameServers { comparison: Vec::new(), ..self.network.lookup.name_servers()? },
            questions: Questions::default(),
            files: SystemFiles::default(),
            metadata: MetadataService { when: When::Never, ..MetadataService::default() },
            control: When::Never,
            egress: self.network.egress.chosen()?,
            connect_to: self.network.connect_to.clone(),
            trust: Trust::default(),
            signing: Signing { anonymous_only: true, ..Signing::default() },
            search_regions: false,
            canary: None,
            trace: None,
            trace_in_check: When::Never,
            retry_ports: false,
            stages: &Stage::ALL,
            policy: Policy::default(),
        }))
    }

    /// The text to print and the exit code, from what was measured.
    pub fn answer(&self, measured: Option<(&Evidence, Ending)>) -> Answer {
        let rows = match measured {
            None => REGIONS.iter().map(|region| Row::new(region, None)).collect(),
            Some((evidence, _)) => ranked(evidence),
        };
        let language = self.language.language();
        let text = match self.format {
            RegionsFormat::Table if measured.is_some() => self.ranking(&rows, language),
            RegionsFormat::Table => listing(&rows, language),
            RegionsFormat::Json => {
                let document = RegionsDocument { format_version: FORMAT_VERSION, kind: "regions", regions: &rows };
                json_text(&document)
            }
        };
        Answer { text, hints: Vec::new(), code: measured.map_or(exit::HEALTHY, |(_, ending)| code(&rows, ending)) }
    }

    fn ranking(&self, rows: &[Row], language: Language) -> String {
        let line = |row: &Row| {
            let view = row.measured.as_ref();
            let scope = view.and_then(|view| view.scope).map_or(Text::literal("-"), |scope| Text::word(scope.as_str()));
            let [connects, figures] =
                view.map_or_else(Default::default, |view| [Text::literal(connects(view)), figures(view)]);
            [Text::literal(row.region), row.place(), scope, connects, figures]
        };
        let header = [text!("region"), text!("place"), text!("scope"), text!("TCP"), text!("kernel RTT ms")];
        table(header, rows.iter().map(line), language) + &format!("\n{}\n", self.summary(rows).say(language))
    }

    fn summary(&self, rows: &[Row]) -> Text {
        let count = |is: fn(&Row) -> bool| rows.iter().filter(|row| is(row)).count();
        let (reached, tried, port) = (count(Row::is_reached), count(Row::was_tried), self.port);
        let left_out = match rows.len() - tried {
            0 => Text::empty(),
            number => text!("; {number} were not tried", number),
        };
        match rows.iter().find(|row| row.is_reached()) {
            Some(nearest) => text!(
                "nearest: {nearest}; {reached} of {tried} regions answer on TCP port {port}{left_out}",
                nearest = nearest.region,
                reached,
                tried,
                port,
                left_out
            ),
            None if tried == 0 => text!("no region was tried"),
            None => {
                text!("none of {tried} regions could be reached on TCP port {port}{left_out}", tried, port, left_out)
            }
        }
    }
}

impl Row {
    fn new(region: &Region, measured: Option<RegionView>) -> Self {
        let aliases = ALIASES.iter().filter(|(_, id)| *id == region.id).map(|(alias, _)| *alias);
        Self {
            region: region.id,
            place: region.place,
            country: region.country,
            is_open: region.state == RegionState::Open,
            is_finance: region.is_finance(),
            aliases: aliases.collect(),
            host: format!("cos.{}.myqcloud.com", region.id),
            measured,
        }
    }

    /// City and country, unless they are the same.
    fn place(&self) -> Text {
        let (place, country) = (Text::phrase(self.place), Text::phrase(self.country));
        if self.place == self.country { place } else { text!("{place}, {country}", place, country) }
    }

    fn was_tried(&self) -> bool {
        self.measured.as_ref().is_some_and(|view| !matches!(view.outcome, Outcome::NotRun { .. }))
    }

    fn is_reached(&self) -> bool {
        self.measured.as_ref().is_some_and(|view| view.connected > 0)
    }
}

/// The rows of what was measured, nearest first.
fn ranked(evidence: &Evidence) -> Vec<Row> {
    let row = |view: RegionView| Some(Row::new(crate::region::find(&view.region)?, Some(view)));
    rank(evidence).into_iter().filter_map(row).collect()
}

fn code(rows: &[Row], ending: Ending) -> u8 {
    match ending {
        Ending::Interrupted => exit::INTERRUPTED,
        _ if rows.iter().any(Row::is_reached) => exit::HEALTHY,
        _ if rows.iter().any(Row::was_tried) => exit::FINDINGS,
        _ => exit::INCONCLUSIVE,
    }
}

fn listing(rows: &[Row], language: Language) -> String {
    let line = |row: &Row| {
        let state = if row.is_open { text!("open") } else { text!("closed") };
        [Text::literal(row.region), row.place(), state, Text::literal(row.aliases.join(", "))]
    };
    let header = [text!("region"), text!("place"), text!("state"), text!("aliases")];
    let listed = table(header, rows.iter().map(line), language);
    let note = text!("closed: takes no new buckets, existing ones may live on");
    format!("{listed}\n{}\n", note.say(language))
}

/// Columns without frames, each as wide as its content.
fn table<const N: usize>(header: [Text; N], rows: impl Iterator<Item = [Text; N]>, language: Language) -> String {
    let said = |row: [Text; N]| row.map(|text| text.say(language));
    let mut table = Table::new();
    table.load_style(presets::NOTHING).force_no_tty().set_header(said(header));
    table.add_rows(rows.map(said));
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.to_string().lines().flat_map(|line| [line.trim_end(), "\n"]).collect()
}

fn connects(view: &RegionView) -> String {
    if view.attempts == 0 { "-".to_owned() } else { format!("{}/{}", view.connected, view.attempts) }
}

/// The round trip as minimum, median and maximum, or why there is none.
fn figures(view: &RegionView) -> Text {
    match &view.outcome {
        Outcome::Failed { kind, .. } if view.ip.is_none() => text!("look-up: {kind}", kind = Text::word(kind)),
        Outcome::Failed { kind, .. } if view.connected == 0 => Text::word(kind),
        Outcome::NotRun { because } if view.connected == 0 => {
            text!("not run: {because}", because = Text::word(because))
        }
        _ => latency(view.kernel_rtt_us, view.connect_us, view.with_syn_retransmits),
    }
}
