# The few commands worth remembering. `make` alone runs what a change must pass.
.PHONY: all run test bench lint
all:   ; .ci/run
run:   ; cargo run --release
test:  ; cargo test --release
bench: ; cargo bench
lint:  ; cargo fmt && cargo clippy --all-targets -- -D warnings
