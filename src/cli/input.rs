//! Files that users name, and standard input.

use std::io::Read;
use std::path::PathBuf;

use crate::error::Error;

/// Reads a text file, or standard input for `-`. Input beyond 64 MiB is refused.
pub(super) fn read_text(path: &PathBuf, what: &'static str) -> Result<String, Error> {
    const MOST: u64 = 64 * 1024 * 1024;
    let failed = |source| Error::Read { what, path: path.clone(), source };
    let malformed =
        |problem: &str| Error::Malformed { expected: "a text file", path: path.clone(), problem: problem.to_owned() };
    let too_large = || malformed("it is larger than 64 MiB: pass less at once");
    let mut bytes = Vec::new();
    if path.as_os_str() == "-" {
        std::io::stdin().lock().take(MOST + 1).read_to_end(&mut bytes).map_err(failed)?;
    } else {
        let file = std::fs::File::open(path).map_err(failed)?;
        // Nothing of such a file needs to be read.
        if file.metadata().map_err(failed)?.len() > MOST {
            return Err(too_large());
        }
        file.take(MOST + 1).read_to_end(&mut bytes).map_err(failed)?;
    }
    if bytes.len() as u64 > MOST {
        return Err(too_large());
    }
    String::from_utf8(bytes).map_err(|_| malformed("it is not UTF-8"))
}
