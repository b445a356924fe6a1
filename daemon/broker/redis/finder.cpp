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
  if (!header->follows) out.record.due_at = from_unix_ms(said.at("d").integer_or(0));
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
  std::vector<std::string> ids{std::move(id)};
  CONDUIT_CO_TRY(auto all, co_await find_all(std::move(ids), Read::whole));
  auto found = std::move(all.front());
  if (found && !found->record.after.empty() && found->record.status == job::JobStatus::scheduled) {
    Batch batch;
    batch.command({"ZRANGE", server_.keys.queue(found->id.queue).held(job::to_string(found->id.ulid)), "0", "-1"});
    CONDUIT_CO_TRY(const auto held, co_await server_.exec(std::move(batch)));
    for (std::size_t i = 0; i < held[0].view().size(); ++i) found->record.held_by.emplace_back(held[0][i].text());
  }
  co_return found;
}

asio::awaitable<Result<Finder::Many>> Finder::find_all(std::vector<std::string> ids, Read read) {
  std::vector<job::JobId> parsed;
  for (const auto& id : ids) {
    CONDUIT_CO_TRY(auto one, job::parse_id(id));
    parsed.push_back(std::move(one));
  }
  Many out(ids.size());
  std::vector<std::size_t> open(ids.size());
  for (std::size_t i = 0; i < open.size(); ++i) open[i] = i;
  // A job may move from one place to the next between two looks.
  for (int tries = 0; tries < 4 && !open.empty(); ++tries) {
    std::vector<job::JobId> wanted;
    for (const auto i : open) wanted.push_back(parsed[i]);
    CONDUIT_CO_TRY(auto found, co_await look(std::move(wanted), read));
    std::vector<std::size_t> missing;
    for (std::size_t n = 0; n < open.size(); ++n) {
      if (!found[n]) missing.push_back(open[n]);
      out[open[n]] = std::move(found[n]);
    }
    open = std::move(missing);
  }
  co_return out;
}

asio::awaitable<Result<Finder::Many>> Finder::look(std::vector<job::JobId> ids, Read read) {
  Batch batch;
  for (const auto& id : ids) {
    const auto keys = server_.keys.queue(id.queue);
    const auto ulid = job::to_string(id.ulid);
    if (read == Read::whole) {
      batch.command({"GET", keys.record(ulid)});
    } else {
      batch.command({"GETRANGE", keys.record(ulid), "0", std::to_string(kRecordHead - 1)});
    }
    batch.command({"HGETALL", keys.job(ulid)});
  }
  CONDUIT_CO_TRY(const auto replies, co_await server_.exec(std::move(batch)));
  Many out(ids.size());
  std::vector<std::pair<std::size_t, Standing>> standing;
  Batch ask;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const auto said = replies[i * 2 + 1].view();
    if (const auto text = replies[i * 2].view().text(); !text.empty()) {
      auto final = read == Read::whole ? decode_record(text) : decode_record_head(text);
      if (!final) final = unreadable_record(text);
      out[i] = Found{ids[i], to_job_record(ids[i], *final, said), std::nullopt, std::nullopt};
      out[i]->final = std::move(final);
      continue;
    }
    out[i] = found_in_hash(ids[i], said);
    if (out[i]) continue;
    CONDUIT_CO_TRY(auto at, co_await standing_of(ids[i], said));
    if (!at) continue;
    const auto stream = server_.keys.queue(ids[i].queue).stream(at->task, at->lane);
    const auto entry = to_string(at->entry);
    ask.command({"XRANGE", stream, entry, entry});
    ask.command({"XPENDING", stream, "c", entry, entry, "1"});
    standing.emplace_back(i, std::move(*at));
  }
  if (standing.empty()) co_return out;
  ask.command({"TIME"});
  CONDUIT_CO_TRY(const auto seen, co_await server_.exec_lenient(std::move(ask)));
  const auto now = time_of(seen.back().view());
  for (std::size_t n = 0; n < standing.size(); ++n) {
    const auto& [i, at] = standing[n];
    if (seen[n * 2].view().is_error()) co_return server_.error_of(seen[n * 2].view(), "XRANGE");
    const auto fields = seen[n * 2][0][1];
    const auto pending = seen[n * 2 + 1][0];
    if (fields.is_nil() && pending.is_nil()) continue;
    out[i] = found_in_stream(ids[i], at.task, at.lane, at.entry, fields, pending, replies[i * 2 + 1].view(), now);
  }
  co_return out;
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
