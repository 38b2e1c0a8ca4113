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

/// The page as a browser gets it that prefers Chinese.
fn chinese(service: &Service) -> String {
    let Answer { head, body, .. } = service.request("GET", "/", "Accept-Language: zh-CN,zh;q=0.9,en;q=0.8\r\n");
    assert!(head.contains("vary: accept-language"), "{head}");
    assert!(body.contains("4 个目标：1 个失败、1 个在维护期间失败、"), "{body}");
    body
}

#[test]
fn the_pages_are_in_the_language_that_the_browser_prefers_or_that_is_asked_for() {
    let (service, _listener) = service();
    page(&service);
    let chinese = chinese(&service);
    let path = |page: &str| {
        let link = page.split_once("href=\"/logs?target=").unwrap().1.split('"').next().unwrap();
        format!("/logs?target={}", link.replace("&amp;", "&"))
    };
    let prefers = "Accept-Language: zh\r\n";
    let log = service.request("GET", &path(&chinese), prefers);
    assert!(log.body.contains("模块 tcp_connect 对 127.0.0.1:"), "{}", log.body);
    assert!(service.get(&path(&chinese)).body.contains("module tcp_connect failed for"));
    // What is asked for stays on the way to the next page.
    let asked = service.get("/?lang=zh").body;
    let log = path(&asked);
    assert!(log.ends_with("&lang=zh") && service.get(&log).body.contains("模块 tcp_connect 对 "), "{log}");
    let report = service.get(&format!("{log}&format=html")).body;
    assert!(report.contains("<html lang=\"zh-CN\">"), "{report}");
    assert!(service.request("GET", "/?lang=en", prefers).body.contains("<html lang=\"en\">"));
    let Some(program) = chromium() else { return };
    let switches = ["--dump-dom".to_owned(), "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1".to_owned()];
    let url = format!("http://{}/?lang=zh", service.address);
    let (shown, stderr) = Opened::new("").browse_at(&program, &switches, &url);
    assert!(shown.contains("<h2>最近的探测</h2>") && !shown.contains("<script"), "{shown}");
    assert_eq!(complaints(&stderr), Vec::<&str>::new());
}

#[test]
fn the_overview_fits_a_phone_and_can_be_read_in_light_and_dark() {
    let Some(program) = chromium() else { return };
    let (service, _listener) = service();
    let document = page(&service);
    let documents = [("overview", document.clone()), ("Chinese", chinese(&service))];
    let mut pictures = Vec::new();
    for (number, background) in SCHEMES {
        let measured = measure(&program, &documents, number);
        assert_eq!(measured.len(), 2 * WIDTHS.len());
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
