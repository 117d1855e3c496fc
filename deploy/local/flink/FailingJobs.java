package com.example.jobs;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import org.apache.flink.api.common.functions.MapFunction;
import org.apache.flink.api.common.functions.RichMapFunction;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.runtime.state.FunctionInitializationContext;
import org.apache.flink.runtime.state.FunctionSnapshotContext;
import org.apache.flink.streaming.api.checkpoint.CheckpointedFunction;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.sink.v2.DiscardingSink;

/** Jobs that fail in ways Flink jobs fail in: FailingJobs NAME. Compiles against Flink 1.20 and 2.x. */
public class FailingJobs {

    public static void main(String[] arguments) throws Exception {
        String name = arguments[0];
        Configuration settings = new Configuration();
        settings.setString("restart-strategy.type", "fixed-delay");
        settings.setString("restart-strategy.fixed-delay.attempts", "2");
        settings.setString("restart-strategy.fixed-delay.delay", "500 ms");
        if (name.equals("sessions-window")) {
            settings.setString("restart-strategy.fixed-delay.attempts", "1");
            settings.setString("execution.checkpointing.interval", "500 ms");
            settings.setString("execution.checkpointing.timeout", "1 s");
            settings.setString("execution.checkpointing.tolerable-failed-checkpoints", "1");
        }
        StreamExecutionEnvironment environment = StreamExecutionEnvironment.getExecutionEnvironment(settings);
        environment.setParallelism(2);
        DataStream<Long> numbers = environment.fromSequence(1, 1_000_000).map(new Slowly()).name("pace");
        DataStream<Long> out;
        switch (name) {
            case "orders-enrich":
                out = numbers.map(new EnrichOrder()).name("enrich order");
                break;
            case "payments-export":
                out = numbers.map(new ExportPayments()).name("export payments");
                break;
            case "sessions-window":
                out = numbers.map(new RememberSessions()).name("remember sessions");
                break;
            case "features-cache":
                out = numbers.map(new CacheFeatures()).name("cache features");
                break;
            default:
                throw new IllegalArgumentException("there is no job " + name);
        }
        out.sinkTo(new DiscardingSink<>()).name("nowhere");
        environment.execute(name);
    }

    /** A few hundred records a second, so that a job runs for a moment before it fails. */
    static class Slowly implements MapFunction<Long, Long> {
        @Override
        public Long map(Long number) throws Exception {
            Thread.sleep(3);
            return number;
        }
    }

    /** A user function that throws, with a cause. */
    static class EnrichOrder implements MapFunction<Long, Long> {
        @Override
        public Long map(Long order) {
            String price = order % 100 == 0 ? "12,50 EUR" : "12.50";
            try {
                return order + cents(price);
            } catch (NumberFormatException cause) {
                throw new IllegalStateException("order " + order + " could not be enriched", cause);
            }
        }

        private static long cents(String price) {
            return (long) (100 * Double.parseDouble(price));
        }
    }

    /** A dependency that refuses connections. */
    static class ExportPayments extends RichMapFunction<Long, Long> {
        @Override
        public Long map(Long payment) {
            if (payment % 200 == 0) {
                try {
                    write(payment);
                } catch (IOException cause) {
                    throw new UncheckedIOException("batch " + payment / 200 + " could not be written to the ledger", cause);
                }
            }
            return payment;
        }

        private static void write(long payment) throws IOException {
            try (Socket ledger = new Socket()) {
                ledger.connect(new InetSocketAddress("127.0.0.1", 9), 1000);
                ledger.getOutputStream().write((int) payment);
            }
        }
    }

    /** A snapshot that takes longer than the checkpoint may. */
    static class RememberSessions implements MapFunction<Long, Long>, CheckpointedFunction {
        @Override
        public Long map(Long session) {
            return session;
        }

        @Override
        public void snapshotState(FunctionSnapshotContext context) throws Exception {
            Thread.sleep(2500);
        }

        @Override
        public void initializeState(FunctionInitializationContext context) {}
    }

    /** Takes memory outside of the heap until there is none. */
    static class CacheFeatures implements MapFunction<Long, Long> {
        private transient List<ByteBuffer> features;

        @Override
        public Long map(Long feature) {
            if (features == null) {
                features = new ArrayList<>();
            }
            features.add(ByteBuffer.allocateDirect(4 << 20));
            return feature;
        }
    }
}
