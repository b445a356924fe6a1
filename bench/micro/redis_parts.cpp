// What a worker writes to Redis and reads of it: entries, commands, replies, claims and the calls that settle them.

#include <fmt/format.h>

#include <boost/asio/io_context.hpp>
#include <memory>

#include "broker/redis/claim_entry.h"
#include "broker/redis/entry.h"
#include "broker/redis/record.h"
#include "broker/redis/resp.h"
#include "broker/redis/settle_call.h"
#include "micro.h"

namespace conduitd::micro {
namespace {

using namespace broker::redis;

EntryId entry_of(std::size_t n) { return {1'769'850'000'000 + n / 10, n % 10}; }

/// Of a job that is traced and was retried; most headers are empty.
Header full_header() {
  Header out;
  out.counters = {2, 1, 0, 0};
  out.ulid = job::to_string(ulid_of(1));
  out.created_at = from_unix_ms(1'769'850'000'123);
  out.priority = 5;
  out.retries = 5;
  out.timeout = Millis{30'000};
  out.traceparent = kTraceparent;
  return out;
}

LeaseHandle handle_of(std::size_t n) { return {5, entry_of(n), 0, 5, {}, false, true}; }

Tail tail() {
  Tail out;
  out.attempt.attempt = 1;
  out.attempt.started_at = from_unix_ms(1'769'850'000'500);
  out.attempt.duration = Millis{12};
  out.attempt.worker = kWorker;
  out.attempt.outcome = "complete";
  out.attempt.code = {"images", "1.2.0", "0f3a5b7c9d1e2f40"};
  out.attempt.usage = {11'500, 18'432};
  out.result = kResult;
  return out;
}

/// `ending(n)` of jobs without ties is one that finish.lua does.
Ending ending(std::size_t n, std::string action) {
  Ending out;
  out.queue = kQueue;
  out.task = kTask;
  out.ulid = job::to_string(ulid_of(n));
  out.handle = handle_of(n);
  out.owner = kWorker;
  out.attempt = 1;
  out.settler = kWorker;
  out.action = std::move(action);
  out.tail = encode(tail());
  out.args = kArgs;
  return out;
}

void append_bulk(std::string& out, std::string_view text) { out += fmt::format("${}\r\n{}\r\n", text.size(), text); }

/// What claim.lua answers: the time, three empty lists, and a stream's number with its entries.
std::string claim_reply() {
  const auto full = encode(full_header());
  std::string out = fmt::format("*6\r\n$13\r\n1769850001000\r\n*0\r\n*0\r\n*0\r\n:1\r\n*{}\r\n", kBatch);
  for (std::size_t n = 0; n < kBatch; ++n) {
    out += "*2\r\n";
    append_bulk(out, to_string(entry_of(n)));
    out += "*4\r\n";
    append_bulk(out, "h");
    append_bulk(out, n % 8 == 0 ? full : "");
    append_bulk(out, "a");
    append_bulk(out, kArgs);
  }
  return out;
}

void add_entries(Parts& parts) {
  add_calls(parts, "redis.encode_header", [header = full_header()](std::size_t) { return encode(header); });
  add_calls(parts, "redis.decode_header", [text = encode(full_header())](std::size_t) { return decode_header(text).value(); });
  add_calls(parts, "redis.encode_handle", [](std::size_t n) { return encode(handle_of(n)); });
  add_calls(parts, "redis.decode_handle", [text = encode(handle_of(33))](std::size_t) { return decode_handle(text).value(); });
  add_calls(parts, "redis.encode_tail", [tail = tail()](std::size_t) { return encode(tail); });
}

void add_replies(Parts& parts) {
  parts.push_back({"redis.commands", kBatch, [] {
                     return [key = QueueKeys("conduit", kQueue).stream(kTask, 5)] {
                       Pipeline pipeline;
                       for (std::size_t n = 0; n < kBatch; ++n) pipeline.add({"XADD", key, "*", "h", "", "a", kArgs});
                       benchmark::DoNotOptimize(pipeline.bytes().data());
                     };
                   }});
  parts.push_back({"redis.replies", kBatch, [] {
                     return [reader = std::make_shared<Reader>(), bytes = claim_reply()] {
                       reader->feed(bytes).value();
                       benchmark::DoNotOptimize(reader->next().value().value());
                     };
                   }});
  parts.push_back({"redis.to_claim", kBatch, [] {
                     Reader reader;
                     reader.feed(claim_reply()).value();
                     const auto reply = std::make_shared<Reply>(reader.next().value().value());
                     Claimer::Line line;
                     line.task = kTask;
                     return [reply, line] {
                       const auto entries = (*reply)[5];
                       for (std::size_t n = 0; n < kBatch; ++n) {
                         benchmark::DoNotOptimize(to_claim(kQueue, line, parse_entry_id(entries[n][0].text()).value(), entries[n][1]));
                       }
                     };
                   }});
}

/// A server that nobody connects to: who we are, and the names of its keys.
struct NoServer {
  boost::asio::io_context loop;
  SystemClock clock;
  Server server{loop.get_executor(), clock, RedisEndpoint{}, options()};

  static broker::Options options() {
    broker::Options out;
    out.worker = kWorker;
    return out;
  }
};

void add_settling(Parts& parts, const char* name, std::string action) {
  parts.push_back({name, kBatch, [action] {
                     return [action, on = std::make_shared<NoServer>(), endings = [action] {
                               std::vector<Ending> out;
                               for (std::size_t n = 0; n < kBatch; ++n) out.push_back(ending(n, action));
                               return out;
                             }()] {
                       SettleCall call(on->server, endings[0], SettleCall::is_common(endings[0]));
                       for (std::size_t n = 0; n < kBatch; ++n) call.add(Ending(endings[n]), n);
                       Batch batch;
                       call.send(batch);
                       benchmark::DoNotOptimize(batch);
                     };
                   }});
}

}  // namespace

void add_redis_parts(Parts& parts) {
  add_entries(parts);
  add_replies(parts);
  add_settling(parts, "redis.finish_call", "complete");
  add_settling(parts, "redis.settle_call", "retry");
}

}  // namespace conduitd::micro
