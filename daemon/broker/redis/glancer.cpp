#include "broker/redis/glancer.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace asio = boost::asio;

namespace conduitd::broker::redis {
namespace {

constexpr std::size_t kAtOnce = 500;

Glance glance_at(const std::string& id, job::JobRecord&& record, bool with_results) {
  Glance out;
  out.id = id;
  out.exists = true;
  out.status = record.status;
  out.task = std::move(record.task);
  out.parent_id = std::move(record.parent_id);
  out.on_parent_end = record.on_parent_end;
  out.waits_for = record.status == job::JobStatus::scheduled ? std::move(record.after) : std::move(record.waits_for);
  if (with_results) {
    out.result = std::move(record.result);
    out.failure = std::move(record.failure);
  }
  return out;
}

/// The id of a child, as the list of its parent's children has it.
std::optional<std::string> child_id(const std::string& queue, std::string_view member) {
  if (member.starts_with('=')) return fmt::format("{}:{}", queue, member.substr(1));
  const auto first = member.find('/');
  const auto second = member.find('/', first + 1);
  if (first == std::string_view::npos || second == std::string_view::npos) return std::nullopt;
  const auto standing = decode_standing(member.substr(0, second));
  if (!standing) return std::nullopt;
  return job::make_id(queue, ulid_at({standing->second, standing->first, hash_of_task(member.substr(second + 1))}));
}

}  // namespace

asio::awaitable<Result<std::vector<Glance>>> Glancer::look(std::vector<std::string> ids, bool with_results) {
  std::vector<Glance> out;
  out.reserve(ids.size());
  for (std::size_t first = 0; first < ids.size(); first += kAtOnce) {
    const auto last = std::min(first + kAtOnce, ids.size());
    std::vector<std::string> some(ids.begin() + static_cast<std::ptrdiff_t>(first), ids.begin() + static_cast<std::ptrdiff_t>(last));
    CONDUIT_CO_TRY(auto found, co_await finder_.find_all(std::move(some), with_results ? Finder::Read::whole : Finder::Read::head));
    for (std::size_t i = first; i < last; ++i) {
      auto& one = found[i - first];
      Glance missing;
      missing.id = ids[i];
      out.push_back(one ? glance_at(ids[i], std::move(one->record), with_results) : missing);
    }
  }
  co_return out;
}

asio::awaitable<Result<ChildPage>> Glancer::children(std::vector<std::string> queues, std::string parent, std::string cursor, std::size_t limit) {
  // A page ends in one queue: "<queue>/<rank>" says where.
  std::string from;
  std::size_t rank = 0;
  if (!cursor.empty()) {
    const auto slash = cursor.rfind('/');
    const auto number = slash == std::string::npos ? std::string() : cursor.substr(slash + 1);
    const auto [end, failed] = std::from_chars(number.data(), number.data() + number.size(), rank);
    if (number.empty() || failed != std::errc{} || end != number.data() + number.size()) co_return no_such_cursor();
    from = cursor.substr(0, slash);
  }
  std::sort(queues.begin(), queues.end());
  ChildPage out;
  for (const auto& queue : queues) {
    if (queue < from) continue;
    const auto first = queue == from ? rank : 0;
    Batch batch;
    batch.command({"ZRANGE", server_.keys.queue(queue).children(parent), std::to_string(first), std::to_string(first + limit - out.ids.size() - 1)});
    CONDUIT_CO_TRY(const auto replies, co_await server_.exec(std::move(batch)));
    const auto members = replies[0].view();
    for (std::size_t i = 0; i < members.size(); ++i) {
      if (auto id = child_id(queue, members[i].text())) out.ids.push_back(std::move(*id));
    }
    if (out.ids.size() < limit) continue;
    out.next = fmt::format("{}/{}", queue, first + members.size());
    break;
  }
  co_return out;
}

}  // namespace conduitd::broker::redis
