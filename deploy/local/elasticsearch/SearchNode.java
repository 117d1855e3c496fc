import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.Collection;
import java.util.List;
import org.elasticsearch.common.settings.Setting;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.env.Environment;
import org.elasticsearch.index.mapper.MapperExtrasPlugin;
import org.elasticsearch.node.Node;
import org.elasticsearch.painless.PainlessPlugin;
import org.elasticsearch.plugins.Plugin;
import org.elasticsearch.plugins.ScriptPlugin;
import org.elasticsearch.reindex.ReindexPlugin;
import org.elasticsearch.script.ScriptContext;
import org.elasticsearch.script.ScriptEngine;
import org.elasticsearch.transport.Netty4Plugin;

/** One Elasticsearch node on loopback: SearchNode HOME HTTP_PORT TRANSPORT_PORT. */
public class SearchNode extends Node {

    /** The script compiler alone: PainlessPlugin is final and its REST part is built for 7.10. */
    public static class Painless extends Plugin implements ScriptPlugin {
        private final PainlessPlugin painless = new PainlessPlugin();

        @Override
        public ScriptEngine getScriptEngine(Settings settings, Collection<ScriptContext<?>> contexts) {
            return painless.getScriptEngine(settings, contexts);
        }

        @Override
        public List<Setting<?>> getSettings() {
            return painless.getSettings();
        }
    }

    private SearchNode(Environment environment) {
        super(environment,
            List.of(Netty4Plugin.class, ReindexPlugin.class, MapperExtrasPlugin.class, Painless.class), true);
    }

    public static void main(String[] arguments) throws Exception {
        Path home = Paths.get(arguments[0]).toAbsolutePath();
        for (String folder : List.of("config", "plugins", "modules")) {
            Files.createDirectories(home.resolve(folder));
        }
        Settings settings = Settings.builder()
            .put("path.home", home.toString())
            .put("path.data", home.resolve("data").toString())
            .put("cluster.name", "seismolog-local")
            .put("node.name", "es")
            .put("network.host", "127.0.0.1")
            .put("http.port", arguments[1])
            .put("transport.port", arguments[2])
            .put("http.type", "netty4")
            .put("transport.type", "netty4")
            .put("discovery.type", "single-node")
            // A laptop's full disk must not turn indices read-only under a test.
            .put("cluster.routing.allocation.disk.threshold_enabled", false)
            // Several people's tests share one node.
            .put("cluster.max_shards_per_node", 5000)
            .build();
        SearchNode node = new SearchNode(new Environment(settings, home.resolve("config")));
        node.start();
        System.out.println("STARTED");
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            try {
                node.close();
            } catch (Exception failure) {
                System.out.println("could not close the node: " + failure);
            }
        }));
        Thread.currentThread().join();
    }
}
