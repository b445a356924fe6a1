#include "broker/redis/lister.h"

#include <fmt/format.h>

#include <algorithm>

namespace asio = boost::asio;

namespace conduitd::broker::redis {
namespace {

using job::JobStatus;

// One call of list() looks at so many jobs for those that match, and may then return a page that is not full.
constexpr std::size_t kMostRounds = 20;
constexpr std::size_t kLargestPage = 1'000;

/// The stream position an id orders like; also for ids that lead to none.
EntryId position_of(const job::Ulid& ulid) {
  return {ulid.ms, static_cast<std::uint64_t>(ulid.high) << 16U | ulid.low >> 48U};
}

bool in_streams(const JobFilter& filter) {
  return !filter.status || *filter.status == JobStatus::queued || *filter.status == JobStatus::running;
}

bool in_index(const JobFilter& filter, JobStatus status) {
  if (status == JobStatus::queued || status == JobStatus::running) return false;
  return !filter.status || *filter.status == status;
}

/// What stands in a stream came in the order of its entries.
JobPage newest_first(JobPage page) {
  const auto ulid_of = [](const job::JobRecord& record) { return std::string_view(record.id).substr(record.id.rfind(':') + 1); };
  std::stable_sort(page.jobs.begin(), page.jobs.end(),
                   [&](const job::JobRecord& a, const job::JobRecord& b) { return ulid_of(a) > ulid_of(b); });
  return page;
}

}  // namespace

asio::awaitable<Result<JobPage>> Lister::list(JobFilter filter) {
  if (filter.reason && filter.status.value_or(JobStatus::failed) != JobStatus::failed) co_return JobPage{};
  if (filter.reason) filter.status = JobStatus::failed;
  const auto limit = std::clamp<std::size_t>(filter.limit, 1, kLargestPage);
  std::vector<std::string> queues{filter.queue};
  if (filter.queue.empty()) {
    CONDUIT_CO_TRY(queues, co_await lanes_.all_queues());
  }
  if (!filter.cursor.empty()) {
    const auto colon = filter.cursor.find(':');
    if (!job::parse_ulid(filter.cursor.substr(0, colon))) co_return no_such_cursor();
  }
  CONDUIT_CO_TRY(co_await lanes_.refresh(queues));
  JobPage out;
  auto before = filter.cursor;
  for (std::size_t round = 0; round < kMostRounds; ++round) {
    CONDUIT_CO_TRY(auto items, co_await gather(filter, queues, before, limit + 1));
    const bool more = items.size() > limit;
    if (more) items.resize(limit);
    std::vector<std::string> orders;
    for (const auto& item : items) orders.push_back(item.order);
    CONDUIT_CO_TRY(auto found, co_await details(std::move(items)));
    for (std::size_t i = 0; i < found.size(); ++i) {
      before = orders[i];
      const bool matches = found[i] && (filter.task.empty() || found[i]->record.task == filter.task) &&
                           (!filter.status || found[i]->record.status == *filter.status) &&
                           (!filter.reason || found[i]->record.reason == *filter.reason);
      if (!matches) continue;
      found[i]->record.attempts.clear();
      out.jobs.push_back(std::move(found[i]->record));
      if (out.jobs.size() < limit) continue;
      if (more || i + 1 < found.size()) out.next = before;
      co_return newest_first(std::move(out));
    }
    if (!more) co_return newest_first(std::move(out));
  }
  out.next = before;
  co_return newest_first(std::move(out));
}

asio::awaitable<Result<Lister::Items>> Lister::gather(JobFilter filter, std::vector<std::string> queues, std::string before,
                                                      std::size_t most) {
  Items out;
  for (const auto& queue : queues) {
    if (in_streams(filter)) {
      CONDUIT_CO_TRY(auto items, co_await from_streams(filter, queue, before, most));
      std::move(items.begin(), items.end(), std::back_inserter(out));
    }
    CONDUIT_CO_TRY(auto items, co_await from_indexes(filter, queue, before, most));
    std::move(items.begin(), items.end(), std::back_inserter(out));
  }
  if (!before.empty()) std::erase_if(out, [&](const Item& item) { return item.order >= before; });
  std::sort(out.begin(), out.end(), [](const Item& a, const Item& b) { return a.order > b.order; });
  if (out.size() > most) out.resize(most);
  co_return out;
}

asio::awaitable<Result<Lister::Items>> Lister::from_streams(JobFilter filter, std::string queue, std::string before,
                                                            std::size_t most) {
  const auto keys = server_.keys.queue(queue);
  std::vector<LaneName> lanes;
  Batch groups;
  for (const auto& lane : lanes_.known(queue)) {
    if (!filter.task.empty() && lane.task != filter.task) continue;
    lanes.push_back(lane);
    groups.command({"XINFO", "GROUPS", keys.stream(lane.task, lane.lane)});
    groups.command({"EXISTS", server_.keys.limits(lane.task).where});
  }
  // A lane whose stream does not exist yet gives an error here and an empty range below.
  CONDUIT_CO_TRY(const auto infos, co_await server_.exec_lenient(std::move(groups)));
  const auto cursor = job::parse_ulid(std::string_view(before).substr(0, before.find(':')));
  const auto last = cursor ? to_string(position_of(*cursor)) : std::string("+");
  std::vector<std::optional<EntryId>> delivered;
  Batch ranges;
  for (std::size_t i = 0; i < lanes.size(); ++i) {
    const auto group = infos[2 * i].view();
    delivered.push_back(group.is_error() ? std::nullopt : parse_entry_id(group[0].at("last-delivered-id").text()));
    // Everything up to the last delivered entry is being worked on, for what has ended was deleted; or it waits under a limit.
    const bool some_wait = infos[2 * i + 1].view().integer_or(0) > 0;
    std::string from = "-";
    std::string to = last;
    const auto seen = delivered.back().value_or(EntryId{});
    if (filter.status == JobStatus::queued && !some_wait) from = "(" + to_string(seen);
    if (filter.status == JobStatus::running && (!cursor || seen < position_of(*cursor))) to = to_string(seen);
    ranges.command({"XREVRANGE", keys.stream(lanes[i].task, lanes[i].lane), to, from, "COUNT", std::to_string(most + 1)});
  }
  CONDUIT_CO_TRY(auto pages, co_await server_.exec(std::move(ranges)));
  Items out;
  for (std::size_t i = 0; i < lanes.size(); ++i) {
    const auto page = std::make_shared<Reply>(std::move(pages[i]));
    for (std::size_t n = 0; n < page->view().size(); ++n) {
      const auto entry = parse_entry_id((*page)[n][0].text());
      if (!entry) continue;
      const auto fields = (*page)[n][1];
      const auto header = decode_header(fields.at("h").text());
      const auto natural = ulid_at({*entry, lanes[i].lane, hash_of_task(lanes[i].task)});
      const auto own = header && !header->ulid.empty() ? job::parse_ulid(header->ulid) : std::nullopt;
      Item item{fmt::format("{}:{}", job::to_string(natural), queue), {queue, own.value_or(natural)}, JobStatus::queued,
                lanes[i], *entry, page, n};
      if (delivered[i] && *entry <= *delivered[i]) item.status = JobStatus::running;
      out.push_back(std::move(item));
    }
  }
  co_return out;
}

asio::awaitable<Result<Lister::Items>> Lister::from_indexes(JobFilter filter, std::string queue, std::string before,
                                                            std::size_t most) {
  const auto keys = server_.keys.queue(queue);
  const auto last = before.empty() ? std::string("+") : "[" + before.substr(0, before.find(':'));
  std::vector<JobStatus> statuses;
  Batch batch;
  for (const auto status : job::kAllStatuses) {
    if (!in_index(filter, status)) continue;
    statuses.push_back(status);
    batch.command({"ZRANGE", keys.index(status), last, "-", "BYLEX", "REV", "LIMIT", "0", std::to_string(most + 1)});
  }
  CONDUIT_CO_TRY(const auto replies, co_await server_.exec(std::move(batch)));
  Items out;
  for (std::size_t i = 0; i < statuses.size(); ++i) {
    for (std::size_t n = 0; n < replies[i].view().size(); ++n) {
      const auto text = replies[i][n].text();
      const auto ulid = job::parse_ulid(text);
      if (ulid) out.push_back({fmt::format("{}:{}", text, queue), {queue, *ulid}, statuses[i], {}, {}, nullptr, 0});
    }
  }
  co_return out;
}

asio::awaitable<Result<std::vector<std::optional<Found>>>> Lister::details(Items items) {
  Batch batch;
  batch.command({"TIME"});
  for (const auto& item : items) {
    const auto keys = server_.keys.queue(item.id.queue);
    const auto ulid = job::to_string(item.id.ulid);
    batch.command({"HGETALL", keys.job(ulid)});
    const auto entry = to_string(item.entry);
    if (item.page) {
      const auto place = place_name(item.id.queue, item.lane.lane, item.entry);
      batch.command({"XPENDING", keys.stream(item.lane.task, item.lane.lane), "c", entry, entry, "1"});
      batch.command({"HGET", server_.keys.limits(item.lane.task).where, place});
    } else {
      batch.command({"GET", keys.record(ulid)});
    }
  }
  CONDUIT_CO_TRY(const auto replies, co_await server_.exec_lenient(std::move(batch)));
  const auto now = from_unix_ms(replies[0][0].integer_or(0) * 1000 + replies[0][1].integer_or(0) / 1000);
  std::vector<std::optional<Found>> out(items.size());
  std::size_t next = 1;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const auto& item = items[i];
    const auto said = replies[next++].view();
    const auto second = replies[next++].view();
    const bool parked = item.page && !replies[next++].view().is_nil();
    if (item.page) {
      const auto pending = second.is_error() ? ReplyView(nullptr) : second[0];
      // Delivered when the range was read and not pending now: it has ended, and is in an index by now, or waits under a limit.
      if (pending.is_nil() && item.status == JobStatus::running && !parked) continue;
      out[i] = found_in_stream(item.id, item.lane.task, item.lane.lane, item.entry, (*item.page)[item.position][1], pending,
                               said, now);
    } else if (job::is_final(item.status)) {
      auto final = decode_record(second.text());
      if (!final && !second.text().empty()) final = unreadable_record(second.text());
      // An unreadable one is shown among the failed ones wherever it is listed.
      if (!final || (final->status != item.status && !final->header.garbage)) continue;
      out[i] = Found{item.id, to_job_record(item.id, *final, said), std::nullopt, std::nullopt};
      out[i]->final = std::move(final);
    } else {
      out[i] = found_in_hash(item.id, said);
    }
  }
  co_return out;
}

asio::awaitable<Result<std::vector<Waiting>>> Lister::waiting(std::string queue, std::string task, std::size_t most) {
  std::vector<std::string> queues{queue};
  CONDUIT_CO_TRY(co_await lanes_.refresh(queues));
  std::vector<Waiting> out;
  for (const auto status : {JobStatus::queued, JobStatus::scheduled, JobStatus::retrying}) {
    JobFilter filter;
    filter.status = status;
    filter.task = task;
    CONDUIT_CO_TRY(auto items, co_await gather(filter, queues, "", most));
    CONDUIT_CO_TRY(const auto found, co_await details(std::move(items)));
    for (const auto& job : found) {
      const bool wanted = job && job->record.status == status && (task.empty() || job->record.task == task);
      if (wanted) out.push_back(*job->waiting);
    }
  }
  co_return out;
}

}  // namespace conduitd::broker::redis
