# Certificates and users for Kafka's TLS and SASL listeners; to be sourced after stack.sh. For tests alone.
# shellcheck shell=bash

# A CA of our own, a certificate for the broker (127.0.0.1, localhost) and one for a client, in $RUN/tls:
# ca.pem, kafka.pem, client.pem, client.key; and other-ca.pem, which signed nothing here.
make_certificates() {
  local tls="$RUN/tls" part="$RUN/tls.part"
  [ -f "$tls/done" ] && return 0
  if ! command -v openssl >/dev/null; then
    complain "no openssl. Needed to make the test certificates (Debian, Ubuntu: apt-get install openssl)"
    exit "$MISSING_EXIT"
  fi
  rm -rf "$part"
  mkdir -p "$part"
  chmod 700 "$part"
  (
    set -e
    cd "$part"
    for ca in ca other-ca; do
      openssl req -x509 -newkey rsa:2048 -nodes -sha256 -days 3650 -subj "/O=seismolog tests/CN=$ca" \
        -addext "basicConstraints=critical,CA:TRUE" -addext "keyUsage=critical,keyCertSign,cRLSign" \
        -keyout "$ca.key" -out "$ca.pem"
    done
    for name in kafka client; do
      subject=$name usage=serverAuth,clientAuth
      [ "$name" = client ] && subject=seismolog usage=clientAuth
      openssl req -newkey rsa:2048 -nodes -sha256 -subj "/O=seismolog tests/CN=$subject" -keyout "$name.key" -out "$name.csr"
      printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=%s\n' "$usage" >"$name.ext"
      openssl x509 -req -sha256 -days 3650 -in "$name.csr" -CA ca.pem -CAkey ca.key -CAcreateserial \
        -extfile "$name.ext" -out "$name.crt"
    done
    # Kafka reads key and chain from one file.
    cat kafka.key kafka.crt ca.pem >kafka.pem
    mv client.crt client.pem
    rm -f ./*.csr ./*.ext kafka.crt
    touch done
  ) >"$RUN/log/certificates.log" 2>&1 || {
    complain "the test certificates could not be made: $(tail -n 3 "$RUN/log/certificates.log")"
    return 1
  }
  rm -rf "$tls"
  mv "$part" "$tls"
}

# From now on Kafka starts with the secure listeners. One that runs without them is started again.
prepare_secure_kafka() {
  make_certificates || return 1
  mkdir -p "$RUN/kafka"
  [ -f "$RUN/kafka/secure" ] && return 0
  end kafka 20
  touch "$RUN/kafka/secure"
}

# The users of SCRAM live in the cluster's data, so they are made while it runs; once.
make_secure_users() {
  local user mechanism
  if [ ! -f "$RUN/kafka/users" ]; then
    for user in seismolog powerless; do
      # Kafka refuses two mechanisms of one user in one request.
      for mechanism in SCRAM-SHA-256 SCRAM-SHA-512; do
        if ! java -Xmx128m $quick_start "-Dlog4j2.configurationFile=$HERE/kafka/log4j2-tools.xml" -cp "$RUN/lib/kafka/*" \
          kafka.admin.ConfigCommand --bootstrap-server "127.0.0.1:$SEISMOLOG_STACK_KAFKA_PORT" --alter --entity-type users \
          --entity-name "$user" --add-config "$mechanism=[password=$user-test]" >"$RUN/log/users.log" 2>&1; then
          complain "Kafka's test user $user could not be made; see $RUN/log/users.log"
          return 1
        fi
      done
    done
    touch "$RUN/kafka/users"
  fi
  say "kafka: SASL on port $SEISMOLOG_STACK_KAFKA_SASL_PORT, TLS on $SEISMOLOG_STACK_KAFKA_TLS_PORT, both on $SEISMOLOG_STACK_KAFKA_SASL_TLS_PORT; user seismolog, password seismolog-test; CA in $RUN/tls/ca.pem"
}
