//! The contract of the command line, through the real binary.

mod help;
mod hostile;
mod output;
mod runs;
mod secrets;
mod usage;
