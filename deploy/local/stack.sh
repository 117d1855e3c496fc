# Shared by the commands beside it; to be sourced. What runs where, how it is started, seen to be ready, and ended.
#
# Everything that is downloaded or written lives in one folder outside of version control: $RUN. A service is one JVM
# that carries -Dseismolog.stack=NAME@RUN, so that a process id that the system has given to another program is never
# taken for ours, and two stacks in two folders never touch each other. Everything listens on loopback alone.
# shellcheck shell=bash disable=SC2034

set -uo pipefail

HERE="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)"
RUN="${SEISMOLOG_STACK_DIR:-$HERE/.run}"
mkdir -p "$RUN/log" "$RUN/pid" "$RUN/lib" || exit 1
RUN="$(cd "$RUN" && pwd -P)"

# Exit codes, after sysexits: 64 wrong usage, 75 something the machine lacks.
readonly USAGE_EXIT=64 MISSING_EXIT=75

SERVICES="kafka es opensearch zk coordinator broker historical indexer"

complain() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
say() { printf '%s\n' "$*"; }

# --- Settings: environment, then what the last `up` used, then the default ------------------------------------------

SETTINGS=""
setting() { # NAME DEFAULT
  local name="SEISMOLOG_STACK_$1"
  SETTINGS="$SETTINGS $name"
  [ -n "${!name-}" ] || printf -v "$name" '%s' "$2"
}

if [ -f "$RUN/settings" ]; then
  while IFS='=' read -r saved_name saved_value; do
    case "$saved_name" in
      SEISMOLOG_STACK_*) [ -n "${!saved_name-}" ] || printf -v "$saved_name" '%s' "$saved_value" ;;
    esac
  done <"$RUN/settings"
fi

setting KAFKA_PORT 9092
setting KAFKA_CONTROLLER_PORT 9093
# Only with --with tls:
setting KAFKA_SASL_PORT 9094
setting KAFKA_TLS_PORT 9095
setting KAFKA_SASL_TLS_PORT 9096
setting ES_PORT 9200
setting ES_TRANSPORT_PORT 9310
setting OPENSEARCH_PORT 9201
setting ZK_PORT 2181
setting DERBY_PORT 1527
setting COORDINATOR_PORT 8081
setting BROKER_PORT 8082
setting HISTORICAL_PORT 8083
setting INDEXER_PORT 8091
setting FLINK_RPC_PORT 6123
# Heaps in MB.
setting KAFKA_HEAP 256
setting ES_HEAP 512
setting OPENSEARCH_HEAP 512
setting ZK_HEAP 64
setting COORDINATOR_HEAP 256
setting BROKER_HEAP 192
setting HISTORICAL_HEAP 192
setting INDEXER_HEAP 512
setting FLINK_HEAP 256
# How many Druid tasks may run at once.
setting DRUID_TASKS 12
# Seconds until a service that does not get ready counts as failed.
setting PATIENCE 300

remember_settings() {
  local name
  for name in $SETTINGS; do printf '%s=%s\n' "$name" "${!name}"; done >"$RUN/settings"
}

# --- What the machine must have -------------------------------------------------------------------------------------

need_tools() {
  local missing=0 version
  if ! command -v java >/dev/null || ! java -version >/dev/null 2>&1; then
    complain "no java. Needed: a JDK 17 or later (Debian, Ubuntu: apt-get install openjdk-17-jdk-headless; macOS: brew install openjdk@17)"
    missing=1
  else
    version=$(java -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p' | head -n 1)
    if [ "${version:-0}" -lt 17 ]; then
      complain "java is version ${version:-unknown}. Needed: 17 or later (Debian, Ubuntu: apt-get install openjdk-17-jdk-headless)"
      missing=1
    elif ! command -v javac >/dev/null; then
      complain "java is there, javac is not. Needed: a JDK, not only a JRE (Debian, Ubuntu: apt-get install openjdk-17-jdk-headless)"
      missing=1
    fi
  fi
  if ! command -v mvn >/dev/null; then
    complain "no mvn. Needed: Maven 3.6 or later, which fetches the servers' jars (Debian, Ubuntu: apt-get install maven; macOS: brew install maven)"
    missing=1
  fi
  if ! command -v curl >/dev/null; then
    complain "no curl. Needed for the readiness checks (Debian, Ubuntu: apt-get install curl)"
    missing=1
  fi
  [ "$missing" = 0 ] || exit "$MISSING_EXIT"
}

# One command at a time: two that start the same service would race for its port.
take_lock() {
  local tries=0 owner
  until mkdir "$RUN/lock" 2>/dev/null; do
    owner=$(cat "$RUN/lock/pid" 2>/dev/null)
    if [ -n "$owner" ] && ! kill -0 "$owner" 2>/dev/null; then
      rm -rf "$RUN/lock"
      continue
    fi
    tries=$((tries + 1))
    if [ "$tries" -gt 600 ]; then
      complain "process ${owner:-unknown} has been using $RUN for ten minutes; if it is gone, remove $RUN/lock"
      exit 1
    fi
    sleep 1
  done
  echo $$ >"$RUN/lock/pid"
  trap 'rm -rf "$RUN/lock"' EXIT
}

# --- Jars -----------------------------------------------------------------------------------------------------------

# fetch NAME POM [option...] : the jars of POM into $RUN/lib/NAME, with options for Maven. Reused until the POM changes;
# half a download never counts.
fetch() {
  local name=$1 pom=$2 lib="$RUN/lib/$1" want start=$SECONDS
  shift 2
  want=$(cksum <"$pom")
  [ "$(cat "$lib/.pom" 2>/dev/null)" = "$want" ] && return 0
  say "$name: fetching jars with Maven (once; log: $RUN/log/fetch-$name.log)"
  rm -rf "$lib.part"
  if ! mvn -B -q -f "$pom" "$@" org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies \
    -DincludeScope=runtime "-DoutputDirectory=$lib.part" >"$RUN/log/fetch-$name.log" 2>&1 </dev/null; then
    complain "Maven could not fetch the jars of $name; the end of its log:"
    grep -v '^\[INFO\]' "$RUN/log/fetch-$name.log" | tail -n 8 >&2
    rm -rf "$lib.part"
    return 1
  fi
  printf '%s\n' "$want" >"$lib.part/.pom"
  rm -rf "$lib"
  mv "$lib.part" "$lib"
  say "$name: $(find "$lib" -name '*.jar' | wc -l | tr -d ' ') jars in $((SECONDS - start)) s"
}

# --- Processes ------------------------------------------------------------------------------------------------------

pid_of() { cat "$RUN/pid/$1" 2>/dev/null; }

# Is the JVM of this service there? Looks at the process, not only at the file.
alive() {
  local pid
  pid=$(pid_of "$1") && [ -n "$pid" ] || return 1
  case " $(ps -ww -o args= -p "$pid" 2>/dev/null) " in
    *" -Dseismolog.stack=$1@$RUN "*) return 0 ;;
    *) return 1 ;;
  esac
}

paused() {
  case "$(ps -o stat= -p "$(pid_of "$1")" 2>/dev/null)" in T*) return 0 ;; *) return 1 ;; esac
}

listening() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# jvm NAME FOLDER arguments... : starts the JVM in FOLDER, detached from this terminal.
jvm() {
  local name=$1 folder=$2 detach=""
  shift 2
  [ -f "$RUN/log/$name.log" ] && mv -f "$RUN/log/$name.log" "$RUN/log/$name.log.1"
  command -v setsid >/dev/null && detach=setsid
  (
    cd "$folder" || exit 1
    # shellcheck disable=SC2086
    exec $detach nohup java "-Dseismolog.stack=$name@$RUN" -XX:+UseSerialGC -XX:+ExitOnOutOfMemoryError \
      -Duser.timezone=UTC -Dfile.encoding=UTF-8 "$@" >"$RUN/log/$name.log" 2>&1 </dev/null
  ) &
  echo $! >"$RUN/pid/$name"
}

ports_of() {
  case "$1" in
    kafka)
      echo "$SEISMOLOG_STACK_KAFKA_PORT KAFKA_PORT $SEISMOLOG_STACK_KAFKA_CONTROLLER_PORT KAFKA_CONTROLLER_PORT"
      if [ -f "$RUN/kafka/secure" ]; then
        echo "$SEISMOLOG_STACK_KAFKA_SASL_PORT KAFKA_SASL_PORT $SEISMOLOG_STACK_KAFKA_TLS_PORT KAFKA_TLS_PORT"
        echo "$SEISMOLOG_STACK_KAFKA_SASL_TLS_PORT KAFKA_SASL_TLS_PORT"
      fi
      ;;
    es) echo "$SEISMOLOG_STACK_ES_PORT ES_PORT $SEISMOLOG_STACK_ES_TRANSPORT_PORT ES_TRANSPORT_PORT" ;;
    # Its transport takes the next free port from 9300 up by itself.
    opensearch) echo "$SEISMOLOG_STACK_OPENSEARCH_PORT OPENSEARCH_PORT" ;;
    zk) echo "$SEISMOLOG_STACK_ZK_PORT ZK_PORT" ;;
    coordinator) echo "$SEISMOLOG_STACK_COORDINATOR_PORT COORDINATOR_PORT $SEISMOLOG_STACK_DERBY_PORT DERBY_PORT" ;;
    broker) echo "$SEISMOLOG_STACK_BROKER_PORT BROKER_PORT" ;;
    historical) echo "$SEISMOLOG_STACK_HISTORICAL_PORT HISTORICAL_PORT" ;;
    indexer) echo "$SEISMOLOG_STACK_INDEXER_PORT INDEXER_PORT" ;;
    flink-jm) echo "$SEISMOLOG_STACK_FLINK_RPC_PORT FLINK_RPC_PORT" ;;
  esac
}

# A port that another program holds is named, with the way around it.
ports_free() {
  local name=$1 port variable bad=0
  # shellcheck disable=SC2046
  set -- $(ports_of "$name")
  while [ $# -ge 2 ]; do
    port=$1 variable=$2
    shift 2
    if listening "$port"; then
      complain "$name needs port $port, which another program is using; stop that one, or set SEISMOLOG_STACK_$variable to a free port"
      bad=1
    fi
  done
  return "$bad"
}

# await NAME : until the service does its work, its process ends, or patience is at an end.
await() {
  local name=$1 start=$SECONDS
  until ready "$name"; do
    if ! alive "$name"; then
      # Between fork and exec the process does not carry our mark yet.
      sleep 0.3
      if ! alive "$name"; then
        complain "$name ended while starting; the end of $RUN/log/$name.log:"
        tail -n 20 "$RUN/log/$name.log" >&2
        return 1
      fi
    fi
    if [ $((SECONDS - start)) -gt "$SEISMOLOG_STACK_PATIENCE" ]; then
      complain "$name was not ready after $SEISMOLOG_STACK_PATIENCE s; the end of $RUN/log/$name.log:"
      tail -n 20 "$RUN/log/$name.log" >&2
      return 1
    fi
    sleep 0.3
  done
}

get() { curl -sf -m 5 "$@"; }

# ready NAME : does it answer as something that can be worked with, and not only as a process?
ready() {
  alive "$1" || return 1
  case "$1" in
    kafka)
      # The port answers before the broker serves; the log line comes after.
      grep -q 'Kafka Server started' "$RUN/log/kafka.log" && listening "$SEISMOLOG_STACK_KAFKA_PORT"
      ;;
    es) get -o /dev/null "http://127.0.0.1:$SEISMOLOG_STACK_ES_PORT/_cluster/health?wait_for_status=yellow&timeout=2s" ;;
    opensearch) get -o /dev/null "http://127.0.0.1:$SEISMOLOG_STACK_OPENSEARCH_PORT/_cluster/health?wait_for_status=yellow&timeout=2s" ;;
    zk) listening "$SEISMOLOG_STACK_ZK_PORT" ;;
    coordinator)
      [ "$(get "http://127.0.0.1:$SEISMOLOG_STACK_COORDINATOR_PORT/druid/indexer/v1/isLeader")" = '{"leader":true}' ]
      ;;
    # The overlord must see the worker, and the broker must see every server: a process that answers is not enough.
    # Nor is being seen: one that was killed stays announced for a while.
    indexer)
      healthy "$SEISMOLOG_STACK_INDEXER_PORT" &&
        get "http://127.0.0.1:$SEISMOLOG_STACK_COORDINATOR_PORT/druid/indexer/v1/workers" | grep -q ":$SEISMOLOG_STACK_INDEXER_PORT\""
      ;;
    historical) healthy "$SEISMOLOG_STACK_HISTORICAL_PORT" && seen_by_broker historical ;;
    broker) seen_by_broker coordinator ;;
  esac
}

healthy() { [ "$(get "http://127.0.0.1:$1/status/health")" = true ]; }

seen_by_broker() {
  get -H 'Content-Type: application/json' "http://127.0.0.1:$SEISMOLOG_STACK_BROKER_PORT/druid/v2/sql" \
    -d "{\"query\":\"SELECT COUNT(*) c FROM sys.servers WHERE server_type = '$1'\"}" | grep -q '"c":1'
}

# end NAME SECONDS : asks the process to end, then ends it. Only ours, only this one.
end() {
  local name=$1 grace=$2 pid start=$SECONDS
  if ! alive "$name"; then
    rm -f "$RUN/pid/$name"
    return 0
  fi
  pid=$(pid_of "$name")
  kill -TERM "$pid" 2>/dev/null
  kill -CONT "$pid" 2>/dev/null
  while alive "$name"; do
    if [ $((SECONDS - start)) -ge "$grace" ]; then
      kill -KILL "$pid" 2>/dev/null
      sleep 0.3
      break
    fi
    sleep 0.1
  done
  rm -f "$RUN/pid/$name"
  say "$name stopped"
}

known_service() {
  case " $SERVICES " in
    *" $1 "*) return 0 ;;
    *)
      complain "there is no service \"$1\"; there are: $SERVICES"
      exit "$USAGE_EXIT"
      ;;
  esac
}

# fill TEMPLATE TARGET NAME=VALUE... : copies a file with @NAME@ filled in.
fill() {
  local text pair
  text=$(cat "$1") || return 1
  local target=$2
  shift 2
  for pair in "$@"; do
    text=${text//"@${pair%%=*}@"/${pair#*=}}
  done
  printf '%s\n' "$text" >"$target"
}

# Compiling to machine code in one step makes seven JVMs on two cores start twice as fast; Kafka and the search nodes
# are measured, so they get the full compiler.
quick_start="-XX:TieredStopAtLevel=1"

# launch NAME : starts one service (not waiting for it). Its jars must be there.
launch() {
  local name=$1
  if alive "$name"; then
    if paused "$name"; then kill -CONT "$(pid_of "$name")"; fi
    return 0
  fi
  ports_free "$name" || return 1
  case "$name" in
    kafka) launch_kafka ;;
    es) launch_es ;;
    opensearch) launch_opensearch ;;
    zk | coordinator | broker | historical | indexer) launch_druid "$name" ;;
  esac
}

launch_kafka() {
  local home="$RUN/kafka" secure=""
  mkdir -p "$home"
  cp "$HERE/kafka/log4j2.xml" "$home/log4j2.xml"
  if [ -f "$home/secure" ]; then
    secure=",SASL_PLAINTEXT://127.0.0.1:$SEISMOLOG_STACK_KAFKA_SASL_PORT,SSL://127.0.0.1:$SEISMOLOG_STACK_KAFKA_TLS_PORT,SASL_SSL://127.0.0.1:$SEISMOLOG_STACK_KAFKA_SASL_TLS_PORT"
  fi
  fill "$HERE/kafka/server.properties" "$home/server.properties" "PORT=$SEISMOLOG_STACK_KAFKA_PORT" \
    "CONTROLLER_PORT=$SEISMOLOG_STACK_KAFKA_CONTROLLER_PORT" "SECURE_LISTENERS=$secure" "DATA=$home/data" || return 1
  if [ -n "$secure" ]; then
    fill "$HERE/kafka/secure.properties" "$home/secure.properties" "TLS=$RUN/tls" || return 1
    cat "$home/secure.properties" >>"$home/server.properties"
  fi
  if [ ! -f "$home/data/meta.properties" ]; then
    if ! java -Xmx128m $quick_start "-Dlog4j2.configurationFile=$home/log4j2.xml" -cp "$RUN/lib/kafka/*" \
      kafka.tools.StorageTool format -t 4L6g3nShT-eMCtK--X86sw -c "$home/server.properties" >"$RUN/log/kafka-format.log" 2>&1; then
      complain "Kafka's data folder could not be made: $(tail -n 3 "$RUN/log/kafka-format.log")"
      return 1
    fi
  fi
  jvm kafka "$home" -Xms64m "-Xmx${SEISMOLOG_STACK_KAFKA_HEAP}m" "-Dlog4j2.configurationFile=$home/log4j2.xml" \
    -cp "$RUN/lib/kafka/*" kafka.Kafka "$home/server.properties"
}

launch_es() {
  local home="$RUN/es" want
  mkdir -p "$home/classes"
  want=$(cat "$HERE/elasticsearch/SearchNode.java" "$RUN/lib/es/.pom" | cksum)
  if [ "$(cat "$home/classes/.source" 2>/dev/null)" != "$want" ]; then
    if ! javac -nowarn -cp "$RUN/lib/es/*" -d "$home/classes" "$HERE/elasticsearch/SearchNode.java" >"$RUN/log/es-javac.log" 2>&1; then
      complain "the search node's main class does not compile: $(tail -n 5 "$RUN/log/es-javac.log")"
      return 1
    fi
    printf '%s\n' "$want" >"$home/classes/.source"
  fi
  cp "$HERE/elasticsearch/log4j2.properties" "$home/classes/"
  jvm es "$home" -Xms128m "-Xmx${SEISMOLOG_STACK_ES_HEAP}m" -cp "classes:$RUN/lib/es/*" \
    SearchNode home "$SEISMOLOG_STACK_ES_PORT" "$SEISMOLOG_STACK_ES_TRANSPORT_PORT"
}

launch_opensearch() {
  local home="$RUN/opensearch"
  mkdir -p "$home"
  # The runner numbers its nodes from 1 and adds the number to the ports it is given.
  jvm opensearch "$home" -Xms128m "-Xmx${SEISMOLOG_STACK_OPENSEARCH_HEAP}m" -cp "$RUN/lib/opensearch/*" \
    org.codelibs.opensearch.runner.OpenSearchRunner -basePath home -numOfNode 1 -clusterName seismolog-local \
    -baseHttpPort "$((SEISMOLOG_STACK_OPENSEARCH_PORT - 1))"
}

launch_druid() {
  local name=$1 home="$RUN/druid" file heap direct=64
  mkdir -p "$home"/data/{zk,segments,task-logs,tmp,segment-cache,task} "$home/conf/common"
  cp "$HERE/druid/jvm.args" "$home/jvm.args"
  cp "$HERE/druid/conf/common/log4j2.xml" "$home/conf/common/"
  fill "$HERE/druid/conf/common/common.runtime.properties" "$home/conf/common/common.runtime.properties" \
    "ZK_PORT=$SEISMOLOG_STACK_ZK_PORT" "DERBY_PORT=$SEISMOLOG_STACK_DERBY_PORT" || return 1
  if [ "$name" = zk ]; then
    fill "$HERE/druid/zoo.cfg" "$home/zoo.cfg" "ZK_PORT=$SEISMOLOG_STACK_ZK_PORT" || return 1
    jvm zk "$home" "-Xmx${SEISMOLOG_STACK_ZK_HEAP}m" $quick_start -cp "conf/common:$RUN/lib/druid/*" \
      org.apache.zookeeper.server.quorum.QuorumPeerMain ./zoo.cfg
    return
  fi
  case "$name" in
    coordinator) heap=$SEISMOLOG_STACK_COORDINATOR_HEAP ;;
    broker) heap=$SEISMOLOG_STACK_BROKER_HEAP ;;
    historical) heap=$SEISMOLOG_STACK_HISTORICAL_HEAP ;;
    indexer) heap=$SEISMOLOG_STACK_INDEXER_HEAP direct=96 ;;
  esac
  mkdir -p "$home/conf/$name"
  fill "$HERE/druid/conf/$name/runtime.properties" "$home/conf/$name/runtime.properties" \
    "COORDINATOR_PORT=$SEISMOLOG_STACK_COORDINATOR_PORT" "BROKER_PORT=$SEISMOLOG_STACK_BROKER_PORT" \
    "HISTORICAL_PORT=$SEISMOLOG_STACK_HISTORICAL_PORT" "INDEXER_PORT=$SEISMOLOG_STACK_INDEXER_PORT" \
    "TASKS=$SEISMOLOG_STACK_DRUID_TASKS" "INGESTION_BYTES=$((heap * 1024 * 1024 / 4))" || return 1
  jvm "$name" "$home" @jvm.args $quick_start -Xms64m "-Xmx${heap}m" "-XX:MaxDirectMemorySize=${direct}m" \
    -cp "conf/common:conf/$name:$RUN/lib/druid/*" org.apache.druid.cli.Main server "$name"
}

memory_of() { ps -o rss= -p "$(pid_of "$1")" 2>/dev/null | awk '{ printf "%d", $1 / 1024 }'; }
