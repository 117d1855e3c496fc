import java.io.File;
import java.util.Arrays;
import org.apache.flink.client.deployment.application.ApplicationClusterEntryPoint;
import org.apache.flink.client.program.PackagedProgram;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.DeploymentOptions;
import org.apache.flink.configuration.GlobalConfiguration;
import org.apache.flink.runtime.entrypoint.ClusterEntrypoint;
import org.apache.flink.runtime.resourcemanager.StandaloneResourceManagerFactory;
import org.apache.flink.runtime.util.EnvironmentInformation;
import org.apache.flink.runtime.util.JvmShutdownSafeguard;
import org.apache.flink.runtime.util.SignalHandler;
import org.slf4j.LoggerFactory;

/**
 * The JobManager of one application: ApplicationCluster CONFIG_FOLDER JAR CLASS arguments... Flink's own entry point of
 * this kind is in its archive and in no published library; this one does the same steps.
 */
public final class ApplicationCluster extends ApplicationClusterEntryPoint {

    private ApplicationCluster(Configuration configuration, PackagedProgram program) {
        super(configuration, program, StandaloneResourceManagerFactory.getInstance());
    }

    public static void main(String[] arguments) throws Exception {
        org.slf4j.Logger log = LoggerFactory.getLogger(ClusterEntrypoint.class);
        EnvironmentInformation.logEnvironmentInfo(log, ApplicationCluster.class.getSimpleName(), arguments);
        SignalHandler.register(log);
        JvmShutdownSafeguard.installAsShutdownHook(log);
        Configuration configuration = GlobalConfiguration.loadConfiguration(arguments[0]);
        configuration.set(DeploymentOptions.TARGET, "embedded");
        PackagedProgram program = PackagedProgram.newBuilder()
            .setJarFile(new File(arguments[1]))
            .setEntryPointClassName(arguments[2])
            .setArguments(Arrays.copyOfRange(arguments, 3, arguments.length))
            .setConfiguration(configuration)
            .build();
        configureExecution(configuration, program);
        ClusterEntrypoint.runClusterEntrypoint(new ApplicationCluster(configuration, program));
    }
}
