# The few commands worth remembering. `make` alone runs what a change must pass.
.PHONY: all run test bench lint soak
all:   ; .ci/run
run:   ; cargo run --release
test:  ; cargo test --release
bench: ; cargo bench
lint:  ; cargo fmt && cargo clippy --all-targets -- -D warnings
# An hour or so: 200 kills of the process, and every server killed under the whole product.
soak:  ; SEISMOLOG_KILLS=200 SEISMOLOG_LIVE=required deploy/local/with-servers -- sh -c 'cargo test --test live_kafka killed && cargo test --test live_soak -- --ignored'
