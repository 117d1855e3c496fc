//! How Druid reaches Kafka: our configuration, which speaks to librdkafka, in the words of the Java client.

use super::error::DruidError;
use crate::config::servers::{DruidConfig, KafkaConfig};
use serde_json::{Map, Value};
use std::path::Path;

/// Properties whose values are not shown.
const SECRET: &[&str] = &["sasl.jaas.config", "ssl.keystore.key", "ssl.key.password"];

/// Whether a consumer property must not be shown.
pub(super) fn is_secret(property: &str) -> bool {
    SECRET.contains(&property) || property.ends_with("password")
}

/// The consumer properties. Certificates go along as text: Druid's machines do not have our files.
pub(super) fn properties(kafka: &KafkaConfig, druid: &DruidConfig) -> Result<Map<String, Value>, DruidError> {
    let mut properties = Map::new();
    let mut put = |name: &str, value: &str| properties.insert(name.to_owned(), Value::from(value));
    let brokers = druid.kafka_brokers.as_deref().unwrap_or(&kafka.brokers);
    put("bootstrap.servers", brokers);
    put("isolation.level", "read_committed");
    let protocol = match (kafka.tls, kafka.sasl_mechanism.is_some()) {
        (false, false) => return Ok(properties),
        (true, false) => "SSL",
        (false, true) => "SASL_PLAINTEXT",
        (true, true) => "SASL_SSL",
    };
    put("security.protocol", protocol);
    if let Some(path) = kafka.ca.as_deref().filter(|_| kafka.tls) {
        put("ssl.truststore.type", "PEM");
        put("ssl.truststore.certificates", &pem("source.kafka.ca", path)?);
    }
    if let Some((certificate, key)) = kafka
        .certificate
        .as_deref()
        .zip(kafka.key.as_deref())
        .filter(|_| kafka.tls)
    {
        put("ssl.keystore.type", "PEM");
        put(
            "ssl.keystore.certificate.chain",
            &pem("source.kafka.certificate", certificate)?,
        );
        put("ssl.keystore.key", &pem("source.kafka.key", key)?);
    }
    // librdkafka says `none`, the Java client says nothing, to leave the host name unchecked.
    if kafka
        .properties
        .get("ssl.endpoint.identification.algorithm")
        .map(String::as_str)
        == Some("none")
    {
        put("ssl.endpoint.identification.algorithm", "");
    }
    let Some(mechanism) = kafka.sasl_mechanism.as_deref() else {
        return Ok(properties);
    };
    put("sasl.mechanism", mechanism);
    let property = |name: &str| kafka.properties.get(name).map(String::as_str);
    let login = |module: &str, options: &[(&str, Option<&str>)]| {
        let mut login = format!("{module} required");
        for (name, value) in options {
            if let Some(value) = value {
                login.push_str(&format!(" {name}={}", quoted(value)));
            }
        }
        login.push(';');
        login
    };
    let password = kafka.password.as_ref().map(|password| password.expose());
    let who = [("username", kafka.username.as_deref()), ("password", password)];
    match mechanism {
        "PLAIN" => {
            let module = "org.apache.kafka.common.security.plain.PlainLoginModule";
            put("sasl.jaas.config", &login(module, &who));
        }
        "SCRAM-SHA-256" | "SCRAM-SHA-512" => {
            let module = "org.apache.kafka.common.security.scram.ScramLoginModule";
            put("sasl.jaas.config", &login(module, &who));
        }
        "OAUTHBEARER" => {
            let Some(endpoint) = property("sasl.oauthbearer.token.endpoint.url") else {
                return Err(DruidError::Configuration(
                    "source.kafka.sasl_mechanism = \"OAUTHBEARER\" without \
                     source.kafka.properties.\"sasl.oauthbearer.token.endpoint.url\": druid cannot fetch a token; \
                     set it, or give druid another listener by druid.kafka_brokers"
                        .to_owned(),
                ));
            };
            put("sasl.oauthbearer.token.endpoint.url", endpoint);
            put(
                "sasl.login.callback.handler.class",
                "org.apache.kafka.common.security.oauthbearer.secured.OAuthBearerLoginCallbackHandler",
            );
            let options = [
                (
                    "clientId",
                    property("sasl.oauthbearer.client.id").or(kafka.username.as_deref()),
                ),
                ("clientSecret", property("sasl.oauthbearer.client.secret").or(password)),
                ("scope", property("sasl.oauthbearer.scope")),
            ];
            let module = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule";
            put("sasl.jaas.config", &login(module, &options));
        }
        other => {
            return Err(DruidError::Configuration(format!(
                "source.kafka.sasl_mechanism = {other:?} cannot be handed to druid; it is one of PLAIN, \
                 SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER"
            )));
        }
    }
    Ok(properties)
}

fn pem(key: &str, path: &Path) -> Result<String, DruidError> {
    std::fs::read_to_string(path).map_err(|error| {
        DruidError::Configuration(format!(
            "{key} = {:?} cannot be read: {error}; druid is told its content",
            path.display().to_string()
        ))
    })
}

/// As a JAAS option is written.
fn quoted(value: &str) -> String {
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;
    use crate::store::elastic_druid::druid::spec::tests::{druid, kafka};

    #[test]
    fn a_scram_login_is_put_in_the_words_of_the_java_client() {
        let mut kafka = kafka();
        kafka.tls = true;
        kafka.sasl_mechanism = Some("SCRAM-SHA-512".into());
        kafka.username = Some("seis".into());
        kafka.password = Some(Secret::new("a\"b\\c".into()));
        let properties = properties(&kafka, &druid("x")).unwrap();
        assert_eq!(properties["security.protocol"], "SASL_SSL");
        assert_eq!(
            properties["sasl.jaas.config"],
            "org.apache.kafka.common.security.scram.ScramLoginModule required username=\"seis\" password=\"a\\\"b\\\\c\";"
        );
        assert!(is_secret("sasl.jaas.config") && !is_secret("security.protocol"));
    }

    #[test]
    fn druid_reaches_the_brokers_by_their_other_address_and_reads_what_is_committed() {
        let mut druid = druid("x");
        druid.kafka_brokers = Some("inside:9092".into());
        let properties = properties(&kafka(), &druid).unwrap();
        assert_eq!(properties["bootstrap.servers"], "inside:9092");
        assert_eq!(properties["isolation.level"], "read_committed");
        assert_eq!(properties.len(), 2);
    }

    #[test]
    fn a_login_druid_cannot_do_is_told_with_its_remedy() {
        let mut kafka = kafka();
        kafka.sasl_mechanism = Some("OAUTHBEARER".into());
        let error = properties(&kafka, &druid("x")).unwrap_err().to_string();
        assert!(error.contains("druid.kafka_brokers"), "{error}");
    }
}
