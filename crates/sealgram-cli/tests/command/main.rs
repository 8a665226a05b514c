//! The command from outside: its arguments, exit codes, output and files.
#![forbid(unsafe_code)]

mod certificates;
mod codes;
mod conversation;
mod program;
mod usage;
