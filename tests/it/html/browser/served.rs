//! The overview of `serve`, as a browser gets it from a service that probes targets on loopback.

use std::net::TcpListener;

use super::pictures::{SIZES, colours, legible, picture};
use super::{Opened, SCHEMES, WIDTHS, chromium, complaints, measure};
use crate::serve::service::{Answer, Service, eventually};

/// A service whose targets answer, refuse and were given names that do harm where they are not escaped.
fn service() -> (Service, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let open = listener.local_addr().unwrap();
    let refusing = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let long = "a-label-that-is-as-long-as-people-make-them-where-nothing-holds-them-back".repeat(2);
    let text = format!(
        "[modules.planned]\nprobe = 'connect'\npolicy = 'planned'\n\
         [[policies.planned.maintenance]]\nfrom = 2020-01-01T00:00:00Z\nto = 2120-01-01T00:00:00Z\nreason = '<b>wires</b>'\n\
         [[targets]]\ntarget = '{open}'\nmodule = 'tcp_connect'\ninterval = '1s'\n\
         labels = {{ team = '<script>document.title=1</script>', long = '{long}' }}\n\
         [[targets]]\ntarget = '{refusing}'\nmodule = 'tcp_connect'\ninterval = '1s'\n\
         [[targets]]\ntarget = '{refusing}'\nmodule = 'planned'\ninterval = '1s'\n\
         [[targets]]\ntarget = '{open}'\nmodule = 'planned'\ninterval = '24h'\n"
    );
    (Service::start(&text), listener)
}

/// The page once three targets were probed; the fourth is for another hour.
fn page(service: &Service) -> String {
    eventually("the overview", || {
        let Answer { status, head, body } = service.get("/");
        assert_eq!(status, 200, "{head}");
        let is_there = body.contains("4 targets: 1 failing, 1 failing in maintenance, ") && body.contains("<polyline");
        is_there.then_some(body)
    })
}

#[test]
fn the_overview_of_a_service_is_shown_and_has_nothing_to_complain_about() {
    let (service, _listener) = service();
    let document = page(&service);
    let head = service.get("/").head;
    assert!(head.to_lowercase().contains("content-security-policy: default-src 'none'; "), "{head}");
    let link = document.split_once("href=\"/logs?target=").unwrap().1.split('"').next().unwrap();
    let link = format!("/logs?target={}", link.replace("&amp;", "&"));
    let Answer { head, body: log, .. } = service.get(&link);
    assert!(head.contains("text/plain") && log.contains("module tcp_connect failed for 127.0.0.1:"), "{head}\n{log}");
    let Answer { head, body: report, .. } = service.get(&format!("{link}&format=html"));
    assert!(head.contains("text/html") && report.contains("<h1>"), "{head}\n{report}");
    assert_eq!(service.get("/logs?target=none").status, 404);
    let Some(program) = chromium() else { return };
    for path in ["/", &format!("{link}&format=html")] {
        let switches = ["--dump-dom".to_owned(), "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1".to_owned()];
        let url = format!("http://{}{path}", service.address);
        let (shown, stderr) = Opened::new("").browse_at(&program, &switches, &url);
        assert!(shown.contains("<h1>") && shown.contains("127.0.0.1"), "{shown}");
        assert!(!shown.contains("<script"), "{shown}");
        assert_eq!(complaints(&stderr), Vec::<&str>::new(), "{path}");
    }
}

#[test]
fn the_overview_fits_a_phone_and_can_be_read_in_light_and_dark() {
    let Some(program) = chromium() else { return };
    let (service, _listener) = service();
    let document = page(&service);
    let mut pictures = Vec::new();
    for (number, background) in SCHEMES {
        let measured = measure(&program, &[("overview", document.clone())], number);
        assert_eq!(measured.len(), WIDTHS.len());
        for (width, taken, back) in measured {
            assert!(taken <= width, "it takes {taken} of {width} px");
            assert_eq!(back, background);
        }
        pictures.extend(SIZES.map(|size| picture(&program, &document, size, number)));
    }
    for colours in colours(&program, &pictures) {
        let share = legible(&colours);
        assert!((0.005..0.4).contains(&share), "{share:.4} of it are letters that can be read");
    }
}
