#include "broker/redis/finder.h"

#include <fmt/format.h>

namespace asio = boost::asio;

namespace conduitd::broker::redis {
namespace {

constexpr std::uint32_t kMostLogLines = 1'000;

WallTime time_of(ReplyView reply) {
  return from_unix_ms(reply[0].integer_or(0) * 1000 + reply[1].integer_or(0) / 1000);
}

}  // namespace

std::optional<Found> found_in_hash(const job::JobId& id, ReplyView said) {
  const auto state = said.at("st").text();
  if (state != "s" && state != "y") return std::nullopt;
  auto header = decode_header(said.at("h").text());
  const bool garbage = !header || header->garbage || said.at("h").is_nil();
  if (!header) header.emplace();
  Found out{id, {}, std::nullopt, std::nullopt};
  describe(out.record, id, *header, std::nullopt);
  out.record.task = said.at("k").text();
  out.record.args = shown_args(said.at("a").text(), garbage);
  out.record.status = state == "s" ? job::JobStatus::scheduled : job::JobStatus::retrying;
  out.record.due_at = from_unix_ms(said.at("d").integer_or(0));
  add_said(out.record, said);
  out.waiting = Waiting{job::to_string(id.ulid), out.record.task, out.record.priority, std::nullopt, out.record.priority,
                        header->ties};
  return out;
}

Found found_in_stream(const job::JobId& id, const std::string& task, Lane lane, EntryId entry, ReplyView fields,
                      ReplyView pending, ReplyView said, WallTime now) {
  const bool ours = fields.size() == 4 && fields[0].text() == "h" && fields[2].text() == "a";
  const auto header = ours ? decode_header(fields[1].text()) : std::nullopt;
  const bool garbage = !header || header->garbage;
  std::string raw;
  for (std::size_t i = 0; !header && i < fields.size(); ++i) raw += (i == 0 ? "" : " ") + std::string(fields[i].text());
  Found out{id, {}, std::nullopt, std::nullopt};
  describe(out.record, id, header.value_or(Header{}), Place{entry, lane, 0});
  out.record.task = task;
  out.record.args = shown_args(header ? fields[3].text() : std::string_view(raw), garbage);
  out.record.status = job::JobStatus::queued;
  if (!pending.is_nil()) {
    out.record.status = job::JobStatus::running;
    out.record.worker = pending[1].text();
    out.record.counters.attempts += static_cast<std::uint32_t>(pending[3].integer_or(1));
    out.record.started_at = now - Millis{pending[2].integer_or(0)};
  }
  add_said(out.record, said);
  out.waiting = Waiting{job::to_string(id.ulid), task, lane, entry, out.record.priority, header.value_or(Header{}).ties};
  return out;
}

asio::awaitable<Result<std::optional<Found>>> Finder::find(std::string id) {
  CONDUIT_CO_TRY(const auto parsed, job::parse_id(id));
  // A job may move from one place to the next between two looks.
  for (int tries = 0; tries < 4; ++tries) {
    auto found = co_await look(parsed);
    if (!found.has_value() || found.value()) co_return found;
  }
  co_return std::optional<Found>();
}

asio::awaitable<Result<std::optional<Found>>> Finder::look(job::JobId id) {
  const auto keys = server_.keys.queue(id.queue);
  const auto ulid = job::to_string(id.ulid);
  Batch batch;
  batch.command({"GET", keys.record(ulid)});
  batch.command({"HGETALL", keys.job(ulid)});
  CONDUIT_CO_TRY(auto replies, co_await server_.exec(std::move(batch)));
  const auto said = replies[1].view();
  if (!replies[0].view().is_nil()) {
    const auto text = replies[0].view().text();
    auto final = decode_record(text);
    if (!final) final = unreadable_record(text);
    Found out{id, to_job_record(id, *final, said), std::nullopt, std::nullopt};
    out.final = std::move(final);
    co_return out;
  }
  if (auto found = found_in_hash(id, said)) co_return found;
  CONDUIT_CO_TRY(const auto standing, co_await standing_of(id, said));
  if (!standing) co_return std::optional<Found>();
  co_return co_await look_in_stream(id, *standing, std::move(replies[1]));
}

asio::awaitable<Result<std::optional<Finder::Standing>>> Finder::standing_of(const job::JobId& id, ReplyView said) {
  if (const auto at = decode_standing(said.at("at").text())) {
    co_return Standing{std::string(said.at("k").text()), at->first, at->second};
  }
  const auto place = place_of(id.ulid);
  if (!place) co_return std::optional<Standing>();
  for (const bool fresh : {false, true}) {
    std::vector<std::string> queues{id.queue};
    if (fresh) {
      CONDUIT_CO_TRY(co_await lanes_.refresh(std::move(queues)));
    }
    for (const auto& lane : lanes_.known(id.queue)) {
      if (lane.lane == place->lane && hash_of_task(lane.task) == place->task_hash) {
        co_return Standing{lane.task, lane.lane, place->entry};
      }
    }
  }
  co_return std::optional<Standing>();
}

asio::awaitable<Result<std::optional<Found>>> Finder::look_in_stream(job::JobId id, Standing at, Reply said) {
  const auto stream = server_.keys.queue(id.queue).stream(at.task, at.lane);
  const auto entry = to_string(at.entry);
  Batch batch;
  batch.command({"XRANGE", stream, entry, entry});
  batch.command({"XPENDING", stream, "c", entry, entry, "1"});
  batch.command({"TIME"});
  CONDUIT_CO_TRY(const auto replies, co_await server_.exec_lenient(std::move(batch)));
  if (replies[0].view().is_error()) co_return server_.error_of(replies[0].view(), "XRANGE");
  const auto fields = replies[0][0][1];
  const auto pending = replies[1][0];
  if (fields.is_nil() && pending.is_nil()) co_return std::optional<Found>();
  co_return found_in_stream(id, at.task, at.lane, at.entry, fields, pending, said.view(), time_of(replies[2].view()));
}

asio::awaitable<Result<LogPage>> Finder::logs(std::string id, std::string cursor, std::size_t limit) {
  CONDUIT_CO_TRY(const auto found, co_await find(id));
  if (!found) co_return Error(Errc::not_found, fmt::format("there is no job {}", id));
  if (!cursor.empty() && !parse_entry_id(cursor)) co_return no_such_cursor();
  const auto key = server_.keys.queue(found->id.queue).logs(job::to_string(found->id.ulid));
  Batch batch;
  batch.command({"XRANGE", key, cursor.empty() ? "-" : "(" + cursor, "+", "COUNT",
                 std::to_string(std::min<std::size_t>(limit, kMostLogLines))});
  CONDUIT_CO_TRY(const auto replies, co_await server_.exec(std::move(batch)));
  LogPage out;
  out.next = cursor;
  for (std::size_t i = 0; i < replies[0].view().size(); ++i) {
    const auto entry = replies[0][i];
    out.next = entry[0].text();
    if (auto line = decode_log(entry[1].at("v").text())) out.lines.push_back(std::move(*line));
  }
  co_return out;
}

}  // namespace conduitd::broker::redis
