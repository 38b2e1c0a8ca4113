//! `sign`: the vectors, URLs, forms, every step, and signatures of others verified.

mod accepted;
mod products;
mod vectors;
mod verified;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::support::{Cosprobe, Ran, read};

const ID: &str = "AKIDfakeFAKEfakeFAKEfakeFAKEfake0001";
const KEY: &str = "fakeSecretKeyForTestVectors00001";
const TOKEN: &str = "fakeTokenOfATemporaryKey0001/+=";
const HOST: &str = "examplebucket-1250000000.cos.ap-guangzhou.myqcloud.com";
const KEY_TIME: &str = "1700000000;1700003600";

/// A file of vectors: fake keys, and what others made of them.
#[derive(Deserialize)]
struct Vectors<T> {
    vectors: Vec<T>,
}

/// The vectors of a file below `tests/vectors`.
fn read_vectors<T: DeserializeOwned>(file: &str, number: usize) -> Vec<T> {
    let read: Vectors<T> = serde_json::from_str(&read(&format!("tests/vectors/{file}"))).unwrap();
    assert_eq!(read.vectors.len(), number, "a vector of {file} is missing or new");
    read.vectors
}

/// `sign` with a key, and a token when there is one.
fn sign(token: Option<&str>, arguments: &[&str]) -> Ran {
    let mut command = Cosprobe::new(["sign"]).arguments(arguments);
    command = command.variable("COS_SECRET_ID", ID).variable("COS_SECRET_KEY", KEY);
    if let Some(token) = token {
        command = command.variable("COS_SESSION_TOKEN", token);
    }
    let ran = command.run();
    assert!(!ran.stdout.contains(KEY) && !ran.stderr.contains(KEY), "{ran:?}");
    ran
}
