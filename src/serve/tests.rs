use super::query::Query;

#[test]
fn queries_are_decoded_and_blank_values_count_as_none() {
    let query = Query::of(Some("target=a%2Fb+c&module=&debug=true&target=second&odd"));
    assert_eq!((query.get("target"), query.get("module"), query.get("debug")), (Some("a/b c"), None, Some("true")));
    assert_eq!((query.get("odd"), query.get("none"), Query::of(None).get("x")), (None, None, None));
}
