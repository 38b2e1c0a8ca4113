//! The objects of the bucket, in memory.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use jiff::Timestamp;
use sha1::{Digest, Sha1};

use super::refusal::Refusal;

/// What is there from the beginning.
const FIRST: &[(&str, &str)] =
    &[("exampleobject", "Hello, world!"), ("index.html", "<html><title>The lab's website</title></html>\n")];

/// One object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Object {
    /// Its bytes.
    pub body: Bytes,
    /// When it was written.
    pub modified: Timestamp,
}

impl Object {
    /// With the quotes. COS's is the MD5 of an object that was uploaded at once; the double has no MD5 and takes another hash of
    /// that length, which changes with the content just so.
    pub(super) fn etag(&self) -> String {
        let hash = hex::encode(Sha1::digest(&self.body));
        format!("\"{}\"", hash.get(..32).unwrap_or_default())
    }

    /// As COS writes it: the CRC-64 of ECMA-182 (reflected, as in xz), in decimal.
    pub(super) fn crc64(&self) -> u64 {
        const POLYNOMIAL: u64 = 0xC96C_5795_D787_0F42;
        let shift = |crc: u64| if crc & 1 == 1 { (crc >> 1) ^ POLYNOMIAL } else { crc >> 1 };
        !self.body.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u64::from(*byte), |crc, _| shift(crc)))
    }
}

/// All objects.
#[derive(Debug)]
pub(super) struct Objects(Mutex<BTreeMap<String, Object>>);

impl Objects {
    pub(super) fn new() -> Self {
        let object =
            |body: &'static str| Object { body: Bytes::from_static(body.as_bytes()), modified: Timestamp::now() };
        Self(Mutex::new(FIRST.iter().map(|(key, body)| ((*key).to_owned(), object(body))).collect()))
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<String, Object>> {
        // Nothing is done halfway while it is held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The keys, sorted.
    pub(super) fn keys(&self) -> Vec<String> {
        self.all().keys().cloned().collect()
    }

    pub(super) fn get(&self, key: &str) -> Result<Object, Refusal> {
        let missing = || Refusal::new(404, "NoSuchKey", "The specified key does not exist.");
        self.all().get(key).cloned().ok_or_else(missing)
    }

    /// Writes an object and returns it.
    pub(super) fn put(&self, key: &str, body: Bytes, now: Timestamp, may_overwrite: bool) -> Result<Object, Refusal> {
        let mut all = self.all();
        if !may_overwrite && all.contains_key(key) {
            // COS documentation, "PUT Object", on x-cos-forbid-overwrite: 409 FileAlreadyExists. The message is not established.
            let message = "The object exists, and the request forbids to overwrite it.";
            return Err(Refusal::new(409, "FileAlreadyExists", message));
        }
        let object = Object { body, modified: now };
        all.insert(key.to_owned(), object.clone());
        Ok(object)
    }

    /// Deletes an object. One that is not there is deleted too.
    pub(super) fn delete(&self, key: &str) {
        self.all().remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_the_standard() {
        // The check value of CRC-64/XZ in Cook's catalogue.
        let object = Object { body: Bytes::from_static(b"123456789"), modified: Timestamp::UNIX_EPOCH };
        assert_eq!(object.crc64(), 0x995D_C9BB_DF19_39FA);
        assert_eq!(object.etag().len(), 34);
    }

    #[test]
    fn objects_live_and_die() {
        let objects = Objects::new();
        assert_eq!(objects.keys(), ["exampleobject", "index.html"]);
        assert_eq!(objects.get("exampleobject").unwrap().body.len(), 13);
        let put = |may_overwrite| objects.put("a", Bytes::from_static(b"1"), Timestamp::UNIX_EPOCH, may_overwrite);
        assert_eq!(put(false).unwrap(), objects.get("a").unwrap());
        assert_eq!(put(false).unwrap_err().code, "FileAlreadyExists");
        assert!(put(true).is_ok());
        objects.delete("a");
        objects.delete("a");
        assert_eq!(objects.get("a").unwrap_err().status, 404);
    }
}
