//! Every name of the bucket, and what may be asked there.

use super::hosts::{BUCKET, CUSTOM_HOST};
use super::*;

#[test]
fn every_name_of_the_bucket_is_served_over_tls() {
    run(async {
        let lab = start("healthy-private").await;
        let of_bucket = |rest: &str| format!("{BUCKET}.{rest}");
        for (host, status) in [
            (lab.host().to_owned(), 200),
            (of_bucket("cos-internal.ap-guangzhou.tencentcos.cn"), 200),
            (of_bucket("cos-dualstack.ap-guangzhou.myqcloud.com"), 200),
            (of_bucket("cos-website.ap-guangzhou.myqcloud.com"), 200),
            (of_bucket("cos.ap-guangzhou.tencentcos.cn"), 200),
            (of_bucket("cos.accelerate.myqcloud.com"), 400),
            ("service.cos.myqcloud.com".to_owned(), 200),
            ("cos.ap-guangzhou.myqcloud.com".to_owned(), 200),
            (CUSTOM_HOST.to_owned(), 200),
            (of_bucket("cos.ap-shanghai.myqcloud.com"), 404),
        ] {
            let stream = connect_tls_as(&lab, &host).await.unwrap();
            let answer = send(stream, signed(&lab, "HEAD", "/").at(&host).request()).await.unwrap();
            assert_eq!(answer.status(), status, "{host}");
            assert_eq!(answer.header("server"), Some("tencent-cos"), "{host}");
        }
        let other = signed(&lab, "GET", "/").at("otherbucket-1250000000.cos.ap-guangzhou.myqcloud.com");
        assert_eq!(other.refusal(&lab).await, (404, "NoSuchBucket".to_owned()));
        let stranger = ask(&lab, "GET", "/").at("www.example.net").refusal(&lab).await;
        assert_eq!(stranger, (400, "UserCnameInvalid".to_owned()));
    });
}

#[test]
fn path_style_has_the_bucket_in_the_path() {
    run(async {
        let lab = start("path-style").await;
        let (bucket, object) = (format!("/{BUCKET}"), format!("/{BUCKET}/exampleobject"));
        for path in [&bucket, &format!("/{BUCKET}/")] {
            assert_eq!(signed(&lab, "HEAD", path).send(&lab).await.header("x-cos-bucket-region"), Some("ap-guangzhou"));
        }
        assert_eq!(signed(&lab, "GET", &object).send(&lab).await.body, "Hello, world!");
        assert_eq!(ask(&lab, "HEAD", &object).send(&lab).await.status(), 403);
        let other = signed(&lab, "GET", "/otherbucket-1250000000").refusal(&lab).await;
        assert_eq!(other, (404, "NoSuchBucket".to_owned()));

        let lab = start("path-style-forbidden").await;
        for refused in [ask(&lab, "GET", &bucket), signed(&lab, "GET", &object)] {
            assert_eq!(refused.refusal(&lab).await, (403, "PathStyleDomainForbidden".to_owned()));
        }
        let in_host = format!("{BUCKET}.cos.ap-guangzhou.myqcloud.com");
        assert_eq!(signed(&lab, "HEAD", "/").at(&in_host).send(&lab).await.status(), 200);
    });
}

#[test]
fn the_service_endpoint_lists_buckets() {
    run(async {
        let lab = start("service").await;
        let list = signed(&lab, "GET", "/").send(&lab).await;
        let part = format!("<Name>{BUCKET}</Name>");
        assert!(list.status() == 200 && list.body.contains("<ListAllMyBucketsResult>") && list.body.contains(&part));
        assert!(list.body.contains("<Location>ap-guangzhou</Location>"));
        assert_eq!(ask(&lab, "HEAD", "/").send(&lab).await.status(), 403);
        assert_eq!(signed(&lab, "PUT", "/").refusal(&lab).await, (405, "MethodNotAllowed".to_owned()));
    });
}

#[test]
fn a_website_answers_with_pages() {
    run(async {
        let lab = start("website").await;
        let index = ask(&lab, "GET", "/").send(&lab).await;
        assert_eq!((index.status(), index.header("content-type")), (200, Some("text/html")));
        assert!(index.body.contains("website"));
        let missing = ask(&lab, "GET", "/missing").send(&lab).await;
        assert_eq!((missing.status(), missing.header("content-type")), (404, Some("text/html")));
        assert!(missing.body.contains("NoSuchKey") && missing.body.starts_with("<html>"));
        for method in ["PUT", "DELETE", "POST"] {
            assert_eq!(signed(&lab, method, "/new").send(&lab).await.status(), 405, "{method}");
        }
        let lab = start("website-off").await;
        let off = ask(&lab, "GET", "/").send(&lab).await;
        assert_eq!((off.status(), off.header("content-type")), (404, Some("text/html")));
        assert!(off.body.contains("NoSuchWebsiteConfiguration") && off.header("x-cos-request-id").is_some());
        assert_eq!(ask(&lab, "HEAD", "/").send(&lab).await.status(), 404);
    });
}

#[test]
fn acceleration_serves_objects_only() {
    run(async {
        let lab = start("acceleration").await;
        for bucket in [ask(&lab, "GET", "/"), signed(&lab, "GET", "/"), signed(&lab, "DELETE", "/exampleobject")] {
            assert_eq!(bucket.refusal(&lab).await, (400, "ActionAccelerateNotSupported".to_owned()));
        }
        assert_eq!(signed(&lab, "HEAD", "/").send(&lab).await.status(), 400);
        assert_eq!(signed(&lab, "GET", "/missing").refusal(&lab).await, (404, "NoSuchKey".to_owned()));
        assert_eq!(ask(&lab, "HEAD", "/missing").send(&lab).await.status(), 403);
        assert_eq!(signed(&lab, "GET", "/exampleobject").send(&lab).await.body.len(), 13);
        assert_eq!(signed(&lab, "PUT", "/new").send(&lab).await.status(), 200);

        let lab = start("acceleration-off").await;
        for path in ["/", "/exampleobject"] {
            let off = signed(&lab, "GET", path).refusal(&lab).await;
            assert_eq!(off, (400, "BucketAccelerateNotEnabled".to_owned()), "{path}");
        }
        assert_eq!(ask(&lab, "HEAD", "/").send(&lab).await.status(), 400);
    });
}

#[test]
fn a_custom_domain_is_bound_or_not() {
    run(async {
        let lab = start("custom-domain").await;
        assert_eq!(lab.host(), CUSTOM_HOST);
        assert_eq!(ask(&lab, "HEAD", "/").send(&lab).await.status(), 403);
        assert_eq!(signed(&lab, "GET", "/exampleobject").send(&lab).await.status(), 200);
        let lab = start("custom-domain-unbound").await;
        let unbound = ask(&lab, "GET", "/").send(&lab).await;
        assert_eq!((unbound.refusal(), unbound.header("server")), ((400, "UserCnameInvalid"), Some("tencent-cos")));
    });
}

#[test]
fn a_bucket_elsewhere_is_found_in_its_region_only() {
    run(async {
        let lab = start("bucket-elsewhere").await;
        for (region, status) in [("ap-guangzhou", 404), ("ap-shanghai", 403), ("eu-frankfurt", 404)] {
            let host = format!("{BUCKET}.cos.{region}.myqcloud.com");
            let stream = connect_tls_as(&lab, &host).await.unwrap();
            let answer = send(stream, ask(&lab, "HEAD", "/").at(&host).request()).await.unwrap();
            assert_eq!(answer.status(), status, "{region}");
        }
        let in_path = |region: &str| ask(&lab, "GET", &format!("/{BUCKET}")).at(&format!("cos.{region}.myqcloud.com"));
        assert_eq!(in_path("ap-guangzhou").refusal(&lab).await, (404, "NoSuchBucket".to_owned()));
        assert_eq!(in_path("ap-shanghai").refusal(&lab).await, (403, "AccessDenied".to_owned()));
        let there = signed(&lab, "HEAD", "/").at(&format!("{BUCKET}.cos.ap-shanghai.myqcloud.com")).send(&lab).await;
        assert_eq!(there.header("x-cos-bucket-region"), Some("ap-shanghai"));
    });
}
