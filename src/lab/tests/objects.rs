//! Objects: reading, writing, deleting, and what is refused of it.

use super::*;

#[test]
fn an_object_is_read_whole_and_in_part() {
    run(async {
        let lab = start("object").await;
        let head = signed(&lab, "HEAD", "/exampleobject").send(&lab).await;
        assert_eq!((head.status(), head.header("content-length"), head.body.as_str()), (200, Some("13"), ""));
        for name in ["etag", "last-modified", "x-cos-hash-crc64ecma"] {
            assert!(head.header(name).is_some(), "{name}");
        }
        let get = |range: &str| signed(&lab, "GET", "/exampleobject").with("range", range).send(&lab);
        let part = get("bytes=0-0").await;
        assert_eq!((part.status(), part.body.as_str()), (206, "H"));
        assert_eq!(part.header("content-range"), Some("bytes 0-0/13"));
        assert_eq!(get("bytes=7-").await.body, "world!");
        assert_eq!(get("bytes=99-").await.refusal(), (416, "InvalidRange"));
        assert_eq!(get("nonsense").await.body, "Hello, world!");
        let lab = start("object-not-found").await;
        assert_eq!(signed(&lab, "GET", "/missingobject").refusal(&lab).await, (404, "NoSuchKey".to_owned()));
        assert_eq!(ask(&lab, "GET", "/missingobject").refusal(&lab).await, (403, "AccessDenied".to_owned()));
    });
}

#[test]
fn an_object_is_written_read_and_deleted() {
    run(async {
        let lab = start("healthy-private").await;
        let put = |key: &str| signed(&lab, "PUT", key).with("x-cos-forbid-overwrite", "true").with_body("canary");
        let written = put("/a b/ü").send(&lab).await;
        assert_eq!(written.status(), 200);
        assert_eq!(lab.objects(), ["a b/ü", "exampleobject", "index.html"]);
        let read = signed(&lab, "GET", "/a b/ü").send(&lab).await;
        assert_eq!((read.body.as_str(), read.header("etag")), ("canary", written.header("etag")));
        for key in ["/a b/ü", "/exampleobject"] {
            assert_eq!(put(key).refusal(&lab).await, (409, "FileAlreadyExists".to_owned()), "{key}");
        }
        assert_eq!(signed(&lab, "GET", "/exampleobject").send(&lab).await.body, "Hello, world!");
        assert_eq!(signed(&lab, "PUT", "/a b/ü").with_body("2").send(&lab).await.status(), 200);
        assert_eq!(signed(&lab, "DELETE", "/a b/ü").send(&lab).await.status(), 204);
        assert_eq!(lab.objects(), ["exampleobject", "index.html"]);
        assert_eq!((lab.calls().writes, lab.calls().deletes), (4, 1));
    });
}

#[test]
fn nobody_else_writes_or_deletes() {
    run(async {
        let lab = start("public-read").await;
        for method in ["PUT", "DELETE"] {
            assert_eq!(ask(&lab, method, "/exampleobject").refusal(&lab).await, (403, "AccessDenied".to_owned()));
        }
        for method in ["PUT", "DELETE", "PATCH"] {
            assert_eq!(signed(&lab, method, "/").refusal(&lab).await, (405, "MethodNotAllowed".to_owned()));
        }
        assert_eq!(lab.objects(), ["exampleobject", "index.html"]);
    });
}

#[test]
fn a_body_is_bounded() {
    run(async {
        let lab = start("healthy-private").await;
        let put = |length| signed(&lab, "PUT", "/large").with_body(vec![b'a'; length]);
        assert_eq!(put(64 << 10).send(&lab).await.status(), 200);
        for length in [(64 << 10) + 1, 512 << 10] {
            assert_eq!(put(length).refusal(&lab).await, (400, "EntityTooLarge".to_owned()), "{length}");
        }
    });
}

#[test]
fn canaries_meet_what_the_row_says() {
    run(async {
        let lab = start("canary-write-denied").await;
        assert_eq!(signed(&lab, "PUT", "/new").refusal(&lab).await, (403, "AccessDenied".to_owned()));
        assert_eq!(signed(&lab, "HEAD", "/exampleobject").send(&lab).await.status(), 200);
        assert_eq!(lab.objects(), ["exampleobject", "index.html"]);

        let lab = start("canary-undeletable").await;
        assert_eq!(signed(&lab, "PUT", "/new").with_body("1").send(&lab).await.status(), 200);
        assert_eq!(signed(&lab, "DELETE", "/new").refusal(&lab).await, (403, "AccessDenied".to_owned()));
        assert_eq!(lab.objects(), ["exampleobject", "index.html", "new"]);

        let lab = start("canary-altered").await;
        assert_eq!(signed(&lab, "PUT", "/new").with_body("canary").send(&lab).await.status(), 200);
        let read = signed(&lab, "GET", "/new").send(&lab).await;
        assert_eq!((read.status(), read.body.as_str()), (200, "banary"));
        assert_eq!(signed(&lab, "DELETE", "/new").send(&lab).await.status(), 204);
    });
}
