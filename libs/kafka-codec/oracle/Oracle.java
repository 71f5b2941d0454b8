// Reads "<message> <version> <hex>" lines, parses each with Apache Kafka's own class and prints what that class writes.
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.util.HexFormat;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.ObjectSerializationCache;

public class Oracle {
    public static void main(String[] args) throws Exception {
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
        StringBuilder out = new StringBuilder();
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            String[] parts = line.split(" ", -1);
            out.append(answer(parts[0], Short.parseShort(parts[1]), parts[2])).append('\n');
        }
        System.out.print(out);
    }

    private static String answer(String message, short version, String hex) {
        try {
            Class<?> type = Class.forName("org.apache.kafka.common.message." + message + "Data");
            ApiMessage data = (ApiMessage) type.getDeclaredConstructor().newInstance();
            ByteBuffer input = ByteBuffer.wrap(HexFormat.of().parseHex(hex));
            data.read(new ByteBufferAccessor(input), version);
            if (input.hasRemaining()) return "left over: " + input.remaining();
            ObjectSerializationCache cache = new ObjectSerializationCache();
            ByteBuffer output = ByteBuffer.allocate(data.size(cache, version));
            data.write(new ByteBufferAccessor(output), cache, version);
            return HexFormat.of().formatHex(output.array());
        } catch (Exception error) {
            return "error: " + error;
        }
    }
}
