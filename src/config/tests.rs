use super::*;

fn environment(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).into(), (*value).into()))
        .collect()
}

fn with_file(text: &str, pairs: &[(&str, &str)]) -> Result<Config, ConfigFaults> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("seismolog.toml");
    std::fs::write(&path, text).unwrap();
    Config::load(Some(&path), environment(pairs))
}

#[test]
fn the_default_file_says_what_the_defaults_are() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("seismolog.toml");
    let text = keys::default_file();
    std::fs::write(&path, &text).unwrap();
    let defaults = Settings::load(None, []).unwrap();
    let read = Settings::load(Some(&path), []).unwrap();
    for key in keys::KEYS {
        assert_eq!(
            read.get(key.path).map(|setting| &setting.value),
            defaults.get(key.path).map(|setting| &setting.value),
            "{}",
            key.path
        );
        assert!(text.contains(key.help));
    }
    let config = defaults.meaning().unwrap();
    assert_eq!(config.fold, FoldLimits::default());
    assert_eq!(config.flush_interval, Duration::from_secs(1));
    assert_eq!(config.retention_bytes, Some(20 << 30));
}

#[test]
fn the_environment_wins_over_the_file_for_every_kind() {
    let config = with_file(
        "[process]\nmax_keys = 7\n[store]\npath = \"from-file\"\n[store.retention]\nage = \"off\"\n",
        &[
            ("SEISMOLOG_PROCESS__MAX_KEYS", "9"),
            ("SEISMOLOG_PROCESS__MAX_BYTES", "2MB"),
            ("SEISMOLOG_SOURCE__FILES__PATHS", "/a, /b/*.log"),
            ("SEISMOLOG_SOURCE__FILES__FOLLOW", "false"),
            ("SEISMOLOG_SOURCE__DEFAULT_ZONE", "+08:00"),
            ("SEISMOLOG_SERVE__BIND", "127.0.0.1:0"),
            ("SEISMOLOG_LOG", "debug"),
            ("HOME", "/root"),
        ],
    )
    .unwrap();
    assert_eq!((config.fold.keys, config.fold.bytes), (9, 2 << 20));
    assert_eq!(config.files, ["/a", "/b/*.log"]);
    assert_eq!(config.store, PathBuf::from("from-file"));
    assert_eq!((config.follow, config.retention_age), (false, None));
    assert_eq!(config.bind.port(), 0);
}

#[test]
fn all_faults_are_told_in_one_run_with_their_remedy() {
    let faults = with_file(
        "[process]\nflush_intervall = \"1s\"\nmax_keys = \"many\"\nmax_bytes = 1.5\n[serve]\nbind = \"here\"\neditor_token = \"x\"\n\
         [source]\ndefault_zone = \"Mars/Base\"\n[store.retention]\nage = \"1s\"\n[nonsense]\n",
        &[("SEISMOLOG_STORE__PAHT", "x")],
    )
    .unwrap_err();
    let told = faults.to_string();
    for wanted in [
        "process.flush_intervall: there is no such key; did you mean process.flush_interval?",
        "process.max_keys: \"many\" does not fit; write a whole number from 1 to 10000000",
        "process.max_bytes: a float does not fit",
        "serve.bind: \"here\" does not fit; write an address and a port",
        "serve.editor_token: a secret must not stand in the file; set SEISMOLOG_SERVE__EDITOR_TOKEN",
        "source.default_zone: \"Mars/Base\" does not fit",
        "store.retention.age: \"1s\" does not fit",
        "nonsense: there is no such key",
        "SEISMOLOG_STORE__PAHT: store.paht: there is no such key; did you mean SEISMOLOG_STORE__PATH?",
    ] {
        assert!(told.contains(wanted), "{wanted:?} is missing in\n{told}");
    }
    assert_eq!(faults.0.len(), 9);
}

/// The two that Kafka needs beside it.
const BEHIND: &str = "[elasticsearch]\nurls = \"http://127.0.0.1:9200/\"\n[druid]\nurl = \"http://127.0.0.1:8888/\"\n";

#[test]
fn no_server_is_there_unless_it_is_configured() {
    let config = with_file("", &[]).unwrap();
    assert!(config.kafka.is_none() && config.elasticsearch.is_none() && config.druid.is_none());
    assert_eq!(config.topics, servers::TopicNames::default());
    for (text, wanted) in [
        (
            "[source.kafka]\n",
            "source.kafka: the section is empty; set source.kafka.brokers",
        ),
        (
            "[elasticsearch]\n",
            "elasticsearch: the section is empty; set elasticsearch.urls",
        ),
        ("[source.kafka]\ngroup_id = \"x\"\n", "source.kafka.brokers is not"),
        ("[druid]\nusername = \"x\"\n", "druid.url is not"),
        (
            "[druid]\nurl = \"http://127.0.0.1:8888\"\n",
            "no search node is; set elasticsearch.urls",
        ),
        (
            "[elasticsearch]\nurls = [\"http://a:9200\"]\n",
            "Druid is not; set druid.url",
        ),
        (
            "[source.kafka]\nbrokers = \"a:1\"\n",
            "neither is set; set elasticsearch.urls and druid.url",
        ),
    ] {
        let faults = with_file(text, &[]).unwrap_err();
        assert_eq!(faults.0.len(), 1, "{faults}");
        assert!(faults.to_string().contains(wanted), "{faults}");
    }
}

#[test]
fn brokers_may_be_a_text_or_a_list_and_properties_are_passed_through() {
    for brokers in ["\"a:9092, b:9093\"", "[\"a:9092\", \"b:9093\"]"] {
        let text = format!(
            "{BEHIND}[source.kafka]\nbrokers = {brokers}\n[source.kafka.properties]\nfetch.wait.max.ms = 100\n\
             \"check.crcs\" = true\n"
        );
        let password = ("SEISMOLOG_SOURCE__KAFKA__PROPERTIES__SSL_KEY_PASSWORD", "hidden-words");
        let config = with_file(&text, &[password]).unwrap();
        let kafka = config.kafka.unwrap();
        assert_eq!(kafka.brokers, "a:9092,b:9093");
        assert_eq!(kafka.topics, ["flink-errors"]);
        assert_eq!(kafka.group_id, "seismolog");
        assert!(!kafka.instance_id.is_empty());
        let passed = [
            ("check.crcs", "true"),
            ("fetch.wait.max.ms", "100"),
            ("ssl.key.password", "hidden-words"),
        ];
        let passed = passed.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(kafka.properties, passed.into());
        let settings = Settings::load(None, environment(&[password])).unwrap();
        let shown: Vec<String> = settings.shown().map(|(_, value, _)| value).collect();
        assert!(
            shown.contains(&"{ \"ssl.key.password\" = \"***\" }".to_owned()),
            "{shown:?}"
        );
        let elasticsearch = config.elasticsearch.unwrap();
        assert_eq!(elasticsearch.urls, ["http://127.0.0.1:9200"]);
        let druid = config.druid.unwrap();
        assert_eq!(
            (druid.broker_url.as_str(), druid.coordinator_url.as_str()),
            ("http://127.0.0.1:8888", "http://127.0.0.1:8888")
        );
    }
}

#[test]
fn what_exactly_once_stands_on_cannot_be_set_by_a_property() {
    let text = format!(
        "{BEHIND}[source.kafka]\nbrokers = \"a:1\"\n[source.kafka.properties]\nenable.auto.commit = true\n\
         isolation.level = \"read_uncommitted\"\ntransactional.id = \"x\"\nsasl.password = \"y\"\nssl.key.password = \"z\"\n"
    );
    let faults = with_file(&text, &[]).unwrap_err();
    assert_eq!(faults.0.len(), 5, "{faults}");
    let told = faults.to_string();
    for wanted in [
        "source.kafka.properties.enable.auto.commit: this property is not passed through; leave it out: offsets are",
        "source.kafka.properties.isolation.level",
        "set source.kafka.password_file",
        "ssl.key.password: a secret must not stand in the file; set SEISMOLOG_SOURCE__KAFKA__PROPERTIES__SSL_KEY_PASSWORD",
    ] {
        assert!(told.contains(wanted), "{wanted:?} is missing in\n{told}");
    }
}

#[test]
fn keys_of_servers_that_contradict_each_other_are_told_together() {
    let faults = with_file(
        "[source.kafka]\nbrokers = \"http://a:1\"\ntopics = [\"error-stats\", \"a b\"]\nca = \"/no/such\"\nusername = \"u\"\n\
         [elasticsearch]\nurls = \"https://u:correct-horse@a:9200\"\nprefix = \"Upper\"\nusername = \"u\"\n\
         [druid]\nbroker_url = \"http://a:1\"\n",
        &[],
    )
    .unwrap_err();
    let told = faults.to_string();
    for wanted in [
        "source.kafka.brokers: \"http://a:1\" does not fit",
        "source.kafka.topics: \"a b\" is not a name of a topic",
        "source.kafka.ca: there is no file /no/such",
        "source.kafka.ca: it is set and the connection is not encrypted",
        "source.kafka.username: it is set and no way to use it is",
        "elasticsearch.urls: \"***@a:9200\" does not fit",
        "elasticsearch.prefix: \"Upper\" cannot begin an index name",
        "elasticsearch.username: elasticsearch.password is missing",
        "druid.broker_url: druid.coordinator_url is missing",
    ] {
        assert!(told.contains(wanted), "{wanted:?} is missing in\n{told}");
    }
    assert!(!told.contains("correct-horse"));
    let same = format!("{BEHIND}[source.kafka]\nbrokers = \"a:1\"\ntopics = \"error-stats\"\n");
    let faults = with_file(&same, &[]).unwrap_err();
    assert!(
        faults
            .to_string()
            .contains("topics.stats: \"error-stats\" is also in source.kafka.topics"),
        "{faults}"
    );
}

#[test]
fn a_secret_is_read_from_a_file_and_never_shown() {
    let dir = tempfile::tempdir().unwrap();
    let holder = dir.path().join("token");
    std::fs::write(&holder, "correct-horse-battery\n").unwrap();
    let text = format!(
        "[serve]\nbind = \"0.0.0.0:80\"\neditor_token_file = \"{}\"\n",
        holder.display()
    );
    let path = dir.path().join("seismolog.toml");
    std::fs::write(&path, text).unwrap();
    let settings = Settings::load(Some(&path), []).unwrap();
    let shown: Vec<String> = settings
        .shown()
        .map(|(key, value, from)| format!("{} {value} {from}", key.path))
        .collect();
    assert!(!shown.join("\n").contains("correct-horse"));
    let config = settings.meaning().unwrap();
    assert!(!format!("{config:?}").contains("correct-horse"));
    assert_eq!(config.editor_token.unwrap().expose(), "correct-horse-battery");
}

#[test]
fn an_open_address_without_a_token_and_a_short_token_are_faults() {
    let faults = with_file("[serve]\nbind = \"0.0.0.0:80\"\n", &[]).unwrap_err();
    assert!(faults.to_string().contains("no token is set"), "{faults}");
    let faults = with_file("", &[("SEISMOLOG_SERVE__VIEWER_TOKEN", "short-secret")]).unwrap_err();
    assert!(!faults.to_string().contains("short-secret"), "{faults}");
}

#[test]
fn a_file_that_is_no_toml_says_where() {
    let faults = with_file("[serve]\nbind = \n", &[]).unwrap_err();
    assert!(faults.to_string().contains("line 2 is not TOML"), "{faults}");
    assert!(Config::load(Some(Path::new("/no/such/file")), []).is_err());
}
