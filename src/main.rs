//! The `room-broker` program: see `room-broker --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    room_broker::cli::main()
}
