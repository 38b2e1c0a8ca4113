//! The rules that choose a routing table before any route is looked up (policy routing, ip-rule(8)).

use std::io;
use std::net::IpAddr;

use ipnet::IpNet;

use super::netlink::{address, attributes, dump, header, text, u32_at};

/// Bytes of `fib_rule_hdr` (`linux/fib_rules.h`).
const RULE_BYTES: usize = 12;
/// Rules that are read.
const MOST_RULES: usize = 64;

/// Attributes, actions and a flag of `linux/fib_rules.h`, which the `libc` crate lacks.
const FRA_DST: u16 = 1;
const FRA_SRC: u16 = 2;
const FRA_IIFNAME: u16 = 3;
const FRA_GOTO: u16 = 4;
const FRA_PRIORITY: u16 = 6;
const FRA_FWMARK: u16 = 10;
const FRA_FLOW: u16 = 11;
const FRA_SUPPRESS_IFGROUP: u16 = 13;
const FRA_SUPPRESS_PREFIXLEN: u16 = 14;
const FRA_TABLE: u16 = 15;
const FRA_FWMASK: u16 = 16;
const FRA_OIFNAME: u16 = 17;
const FRA_PAD: u16 = 18;
const FRA_PROTOCOL: u16 = 21;
const FIB_RULE_INVERT: u32 = 2;

/// What a rule does with the packets it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleAction {
    /// Looks for a route in a table; where that has none, the next rule is asked.
    Lookup,
    /// Goes on with a later rule.
    Goto,
    /// Does nothing.
    Nop,
    /// Drops them; the sender gets EINVAL.
    Blackhole,
    /// Drops them; the sender gets ENETUNREACH, as if there were no route.
    Unreachable,
    /// Drops them; the sender gets EACCES.
    Prohibit,
    /// One that is not known here.
    Other,
}

impl RuleAction {
    /// The word that ip-rule(8) has for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Lookup => "lookup",
            Self::Goto => "goto",
            Self::Nop => "nop",
            Self::Blackhole => "blackhole",
            Self::Unreachable => "unreachable",
            Self::Prohibit => "prohibit",
            Self::Other => "other",
        }
    }

    /// `FR_ACT_*`.
    fn of(action: u8) -> Self {
        match action {
            1 => Self::Lookup,
            2 => Self::Goto,
            3 => Self::Nop,
            6 => Self::Blackhole,
            7 => Self::Unreachable,
            8 => Self::Prohibit,
            _ => Self::Other,
        }
    }
}

/// A rule of policy routing. A condition that is `None` or false holds for every packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyRule {
    /// Its place: a smaller number is asked first.
    pub priority: u32,
    /// What it does.
    pub action: RuleAction,
    /// The table it looks into; `None` for other actions, and for VRFs.
    pub table: Option<u32>,
    /// Whether it is for the packets that do *not* meet its conditions.
    pub is_inverted: bool,
    /// The network that packets come from.
    pub source: Option<IpNet>,
    /// The network that packets go to.
    pub destination: Option<IpNet>,
    /// The firewall mark of packets, and the bits of it that count. A socket has the mark 0 unless somebody sets one.
    pub mark: Option<(u32, u32)>,
    /// The interface that packets came in by; `lo` for those of this machine.
    pub input_interface: Option<String>,
    /// The interface that the socket is bound to.
    pub output_interface: Option<String>,
    /// Routes with a prefix of this length or a shorter one do not count; 0 leaves out default routes.
    pub suppressed_prefix_length: Option<u8>,
    /// Whether it has a condition that is not told here, such as ports, a protocol, users, or the type of service.
    pub has_further_conditions: bool,
}

/// Reads the rules of policy routing of one family (`RTM_GETRULE`), without the kernel's own three, which look into the
/// tables `local`, `main` and `default`. At most 64, in the order in which they are asked.
///
/// # Errors
/// What the kernel says: EOPNOTSUPP or EAFNOSUPPORT where it has no policy routing, or not this family.
pub fn policy_rules(v6: bool) -> io::Result<Vec<PolicyRule>> {
    let body: [u8; RULE_BYTES] = header(if v6 { libc::AF_INET6 } else { libc::AF_INET });
    dump(libc::RTM_GETRULE, &body, MOST_RULES, |body| PolicyRule::read(body).filter(|rule| !rule.is_of_the_kernel()))
}

impl PolicyRule {
    /// Reads a `fib_rule_hdr` and its attributes.
    fn read(body: &[u8]) -> Option<Self> {
        let (header, rest) = body.split_first_chunk::<RULE_BYTES>()?;
        let [_, destination_length, source_length, type_of_service, short_table, _, _, action, ..] = *header;
        let mut rule = Self {
            action: RuleAction::of(action),
            is_inverted: u32_at(header, 8)? & FIB_RULE_INVERT != 0,
            has_further_conditions: type_of_service != 0,
            // The kernel leaves a priority of 0 out.
            ..Self::plain_lookup(0, short_table.into())
        };
        for (kind, value) in attributes(rest) {
            match kind {
                FRA_PRIORITY => rule.priority = u32_at(value, 0)?,
                FRA_TABLE => rule.table = u32_at(value, 0),
                FRA_SRC => rule.source = network(value, source_length),
                FRA_DST => rule.destination = network(value, destination_length),
                // Each is left out where it is 0; a mask comes with every mark.
                FRA_FWMARK => rule.mark = Some((u32_at(value, 0)?, rule.mark.map_or(u32::MAX, |(_, mask)| mask))),
                FRA_FWMASK => rule.mark = Some((rule.mark.map_or(0, |(mark, _)| mark), u32_at(value, 0)?)),
                FRA_IIFNAME => rule.input_interface = text(value),
                FRA_OIFNAME => rule.output_interface = text(value),
                // All ones mean none.
                FRA_SUPPRESS_PREFIXLEN => rule.suppressed_prefix_length = u32_at(value, 0)?.try_into().ok(),
                FRA_GOTO | FRA_FLOW | FRA_SUPPRESS_IFGROUP | FRA_PAD | FRA_PROTOCOL => {}
                // What later kernels add is more likely a condition than not.
                _ => rule.has_further_conditions = true,
            }
        }
        rule.table = rule.table.filter(|table| *table != 0);
        Some(rule)
    }

    /// Whether it is one of the three that are there from the start (`fib_default_rules_init` in `fib_rules.c`).
    fn is_of_the_kernel(&self) -> bool {
        let own = [(0, libc::RT_TABLE_LOCAL), (32766, libc::RT_TABLE_MAIN), (32767, libc::RT_TABLE_DEFAULT)];
        own.into_iter().any(|(priority, table)| *self == Self::plain_lookup(priority, table.into()))
    }

    /// A rule that has no condition and looks into a table.
    fn plain_lookup(priority: u32, table: u32) -> Self {
        Self {
            priority,
            action: RuleAction::Lookup,
            table: Some(table),
            is_inverted: false,
            source: None,
            destination: None,
            mark: None,
            input_interface: None,
            output_interface: None,
            suppressed_prefix_length: None,
            has_further_conditions: false,
        }
    }
}

fn network(bytes: &[u8], prefix_length: u8) -> Option<IpNet> {
    address(bytes).and_then(|address: IpAddr| IpNet::new(address, prefix_length).ok())
}

#[cfg(test)]
mod tests {
    use super::super::netlink::attribute;
    use super::*;

    /// A message about an IPv4 rule.
    fn message(lengths: (u8, u8), action: u8, flags: u32, attributes: &[(u16, &[u8])]) -> Vec<u8> {
        let (destination, source) = lengths;
        let mut body = vec![2, destination, source, 0, 0, 0, 0, action];
        body.extend(flags.to_ne_bytes());
        body.extend(attributes.iter().flat_map(|(kind, value)| attribute(*kind, value)));
        body
    }

    fn number(value: u32) -> [u8; 4] {
        value.to_ne_bytes()
    }

    #[test]
    fn the_rules_of_the_kernel_are_left_out() {
        match policy_rules(false) {
            Ok(rules) => assert!(rules.iter().all(|rule| !rule.is_of_the_kernel()), "{rules:?}"),
            Err(error) => assert_eq!(error.raw_os_error(), Some(libc::EOPNOTSUPP), "{error}"),
        }
        let own = message((0, 0), 1, 0, &[(FRA_TABLE, &number(254)), (FRA_PRIORITY, &number(32766))]);
        assert!(PolicyRule::read(&own).unwrap().is_of_the_kernel());
        let with_mark = [own, attribute(FRA_FWMARK, &number(1))].concat();
        assert!(!PolicyRule::read(&with_mark).unwrap().is_of_the_kernel());
    }

    #[test]
    fn a_rule_of_a_vpn_is_read() {
        // not from all fwmark 0xca6c lookup 51820, as wg-quick(8) adds it.
        let rule = PolicyRule::read(&message(
            (0, 0),
            1,
            FIB_RULE_INVERT,
            &[
                (FRA_TABLE, &number(51820)),
                (FRA_SUPPRESS_PREFIXLEN, &number(u32::MAX)),
                (FRA_PROTOCOL, &[3]),
                (FRA_PRIORITY, &number(32764)),
                (FRA_FWMARK, &number(0xca6c)),
                (FRA_FWMASK, &number(u32::MAX)),
            ],
        ))
        .unwrap();
        let mark = Some((0xca6c, u32::MAX));
        let expected = PolicyRule { is_inverted: true, mark, ..PolicyRule::plain_lookup(32764, 51820) };
        assert_eq!(rule, expected);
    }

    #[test]
    fn networks_and_interfaces_are_conditions_and_so_is_what_is_unknown() {
        let rule = PolicyRule::read(&message(
            (16, 32),
            8,
            0,
            &[
                (FRA_DST, &[169, 254, 0, 0]),
                (FRA_SRC, &[192, 0, 2, 7]),
                (FRA_IIFNAME, b"lo\0"),
                (FRA_OIFNAME, b"tun0\0"),
                (FRA_FWMASK, &number(0xff)),
                (FRA_SUPPRESS_PREFIXLEN, &number(0)),
                (20, &[0; 8]),
            ],
        ))
        .unwrap();
        assert_eq!((rule.action.as_str(), rule.table, rule.mark), ("prohibit", None, Some((0, 0xff))));
        assert_eq!(rule.destination, Some("169.254.0.0/16".parse().unwrap()));
        assert_eq!(rule.source, Some("192.0.2.7/32".parse().unwrap()));
        assert_eq!((rule.input_interface.as_deref(), rule.output_interface.as_deref()), (Some("lo"), Some("tun0")));
        assert_eq!(rule.suppressed_prefix_length, Some(0));
        assert!(rule.has_further_conditions && !rule.is_inverted);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..120)) {
            let _ = PolicyRule::read(&bytes).map(|rule| rule.is_of_the_kernel());
        }
    }
}
