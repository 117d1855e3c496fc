//! Arguments, logging, exit code.

fn main() -> std::process::ExitCode {
    seismolog::cli::main()
}
