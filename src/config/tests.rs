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

#[test]
fn what_this_release_does_not_speak_to_is_told_and_never_passed_over() {
    for text in [
        "[source.kafka]\nbrokers = \"127.0.0.1:9092\"\n",
        "[elasticsearch]\n",
        "[druid]\nurl = \"http://127.0.0.1:8888\"\n",
    ] {
        let faults = with_file(text, &[]).unwrap_err();
        assert_eq!(faults.0.len(), 1, "{text}");
        assert!(faults.to_string().contains("does not speak to"), "{faults}");
    }
    let faults = with_file("", &[("SEISMOLOG_SOURCE__KAFKA__BROKERS", "x")]).unwrap_err();
    assert!(faults.to_string().contains("does not speak to Kafka yet"));
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
