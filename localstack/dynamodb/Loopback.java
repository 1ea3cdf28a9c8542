import java.util.Arrays;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import software.amazon.dynamodb.services.local.main.ServerRunner;

/** DynamoDB Local listens on every interface and has no option for less: this starts it, with its own arguments, on 127.0.0.1. */
public class Loopback {
  public static void main(String[] args) throws Exception {
    var local = ServerRunner.createServerFromCommandLineArgs(args);
    var field = local.getClass().getDeclaredField("server");
    field.setAccessible(true);
    var server = (Server) field.get(local);
    Arrays.stream(server.getConnectors()).forEach(connector -> ((ServerConnector) connector).setHost("127.0.0.1"));
    local.start();
    local.join();
  }
}
