//! `sealgram demo`.

use crate::failure::Failure;

pub(crate) fn run() -> Result<(), Failure> {
    Err(Failure::unavailable("`sealgram demo`"))
}
