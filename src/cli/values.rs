//! Parsers of single values. Their messages say how the value should look.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::config::ConnectTo;

/// Seconds, or a number with a unit: `20ms`, `1.5s`, `2m`. A day is more than any run takes, and keeps every sum of times in range.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    time(text, 86_400.0).ok_or_else(|| {
        "it should be a number of seconds or carry a unit, such as 3, 20ms, 1.5s or 2m, up to a day".to_owned()
    })
}

/// How long a key or a signature is valid: at least a second. A hundred years are more than any key lives.
pub(super) fn validity(text: &str) -> Result<Duration, String> {
    time(text, 36_500.0 * 86_400.0).filter(|time| time.as_secs() > 0).ok_or_else(|| {
        "it should be a number of seconds or carry a unit, such as 900, 30m, 12h or 7d, from a second to 36500 days"
            .to_owned()
    })
}

/// A time that is not longer than some seconds.
fn time(text: &str, most: f64) -> Option<Duration> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor = match unit {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        "d" => 86_400.0,
        _ => f64::NAN,
    };
    let seconds = number.parse::<f64>().unwrap_or(f64::NAN) * factor;
    (0.0..=most).contains(&seconds).then(|| Duration::from_secs_f64(seconds))
}

/// A duration that is not zero.
pub(super) fn positive_duration(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err("it should be longer than zero".to_owned()),
        duration => Ok(duration),
    }
}

/// An address, in brackets or not, and the port behind it, or another.
pub(super) fn address_with_port(text: &str, port: u16) -> Option<SocketAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    bare.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, port)).or_else(|_| text.parse()).ok()
}

/// curl's `HOST1:PORT1:HOST2:PORT2`; HOST1 may be a resolved address, HOST2 is one; ports and HOST1 may be empty.
pub(super) fn connect_to(text: &str) -> Result<ConnectTo, String> {
    let fields = split_outside_brackets(text);
    let [host, port, to, to_port] = fields.as_slice() else { return Err(connect_to_form()) };
    let number = |text: &str| match text {
        "" => Ok(None),
        _ => text.parse::<u16>().map(Some).map_err(|_| connect_to_form()),
    };
    Ok(ConnectTo {
        host: (*host).to_owned(),
        port: number(port)?,
        to: to.parse().map_err(|_| connect_to_form())?,
        to_port: number(to_port)?,
    })
}

fn connect_to_form() -> String {
    "it should look like HOST:PORT:ADDRESS:PORT, such as 169.254.0.47:443:127.0.0.1:8443, with IPv6 addresses in brackets"
        .to_owned()
}

fn split_outside_brackets(text: &str) -> Vec<&str> {
    let mut depth = 0_i32;
    let fields = text.split(|c| {
        depth += i32::from(c == '[') - i32::from(c == ']');
        c == ':' && depth == 0
    });
    fields.map(|field| field.strip_prefix('[').and_then(|f| f.strip_suffix(']')).unwrap_or(field)).collect()
}

/// `key=value`, with a key.
pub(super) fn label(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("it should look like key=value".to_owned()),
    }
}

/// A region identifier or alias.
pub(super) fn region(text: &str) -> Result<String, String> {
    let id = crate::region::expand_alias(text);
    if crate::region::has_region_shape(id) {
        return Ok(id.to_owned());
    }
    let near = crate::region::near(text);
    let hint = if near.is_empty() { String::new() } else { format!("; did you mean {}?", near.join(", ")) };
    Err(format!("it should look like ap-guangzhou{hint}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_carry_a_unit_or_are_seconds() {
        for (text, expected) in
            [("3", 3000), ("20ms", 20), ("1.5s", 1500), ("2m", 120_000), ("1h", 3_600_000), ("0", 0)]
        {
            assert_eq!(duration(text), Ok(Duration::from_millis(expected)), "{text}");
        }
        for text in ["", "s", "-1", "2d", "1w", "1.2.3", "inf", "1e9", "99999999999h"] {
            assert!(duration(text).is_err(), "{text}");
        }
        assert_eq!(validity("36h"), Ok(Duration::from_hours(36)));
        assert_eq!(validity("36500d").map(|time| time.as_secs()), Ok(3_153_600_000));
        for text in ["0", "0.5", "36501d", "nan"] {
            assert!(validity(text).is_err(), "{text}");
        }
        assert!(positive_duration("0").is_err());
    }

    #[test]
    fn connect_to_is_curls() {
        let rule = connect_to("h.example:443:[2001:db8::1]:8443").unwrap();
        assert_eq!((rule.host.as_str(), rule.port), ("h.example", Some(443)));
        assert_eq!((rule.to, rule.to_port), ("2001:db8::1".parse().unwrap(), Some(8443)));
        let any = connect_to("::127.0.0.1:").unwrap();
        assert_eq!((any.host.as_str(), any.port, any.to_port), ("", None, None));
        for text in ["", "a:b:c:d", "h:1:192.0.2.1", "h:1:name:2"] {
            assert!(connect_to(text).is_err(), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,40}") {
            let _ = (duration(&text), connect_to(&text), label(&text), region(&text));
        }
    }
}
