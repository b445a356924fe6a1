#include "broker/redis/server.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "broker/redis/denial.h"

namespace asio = boost::asio;

namespace conduitd::broker::redis {
namespace {

std::vector<std::string_view> views(const Words& words) { return {words.begin(), words.end()}; }

/// The words of a command as Pipeline wrote it. Looked at in a cluster alone: one server needs no slots.
std::vector<std::string_view> words_of(std::string_view bytes) {
  std::vector<std::string_view> out;
  for (auto at = bytes.find('$'); at < bytes.size();) {
    std::size_t size = 0;
    const auto end = bytes.find('\r', at);
    std::from_chars(bytes.data() + at + 1, bytes.data() + end, size);
    out.push_back(bytes.substr(end + 2, size));
    at = end + 2 + size + 2;
  }
  return out;
}

bool is_unknown_script(const Reply& reply) {
  return reply.view().is_error() && reply.view().text().starts_with("NOSCRIPT");
}

bool is_absence(std::string_view error) {
  // One key that something else has taken must not keep the others from being looked at.
  return error.starts_with("NOGROUP") || error.starts_with("BUSYGROUP") || error.starts_with("ERR no such key") ||
         error.starts_with("WRONGTYPE");
}

}  // namespace

Batch& Batch::add(const std::vector<std::string_view>& words) {
  pipeline_.add(words);
  ends_.push_back(pipeline_.bytes().size());
  return *this;
}

Batch& Batch::command(std::initializer_list<std::string_view> words) { return add(std::vector<std::string_view>(words)); }
Batch& Batch::command(const Words& words) { return add(views(words)); }

Batch& Batch::script(Script script, const Words& keys, const Words& args) { return this->script(script, views(keys), views(args)); }

Batch& Batch::script(Script script, const std::vector<std::string_view>& keys, const std::vector<std::string_view>& args) {
  const auto count = std::to_string(keys.size());
  std::vector<std::string_view> words{"EVALSHA", text_of(script).digest, count};
  words.reserve(words.size() + keys.size() + args.size());
  words.insert(words.end(), keys.begin(), keys.end());
  words.insert(words.end(), args.begin(), args.end());
  calls_.push_back({pipeline_.size(), script});
  return add(words);
}

std::string_view Batch::step(std::string_view bytes, std::size_t position) const {
  const auto begin = position == 0 ? 0 : ends_[position - 1];
  return bytes.substr(begin, ends_[position] - begin);
}

std::vector<RoutedStep> Batch::steps() {
  const std::string_view bytes = pipeline_.bytes();
  std::vector<RoutedStep> out;
  for (std::size_t i = 0; i < ends_.size(); ++i) {
    const auto key = key_of_command(words_of(step(bytes, i)));
    out.push_back({step(bytes, i), key ? std::optional(slot_of(*key)) : std::nullopt, std::nullopt});
  }
  for (const auto& call : calls_) out[call.position].script = call.script;
  return out;
}

Server::Server(asio::any_io_executor ex, Clock& clock, RedisEndpoint at, Options opts)
    : executor(ex),
      endpoint(std::move(at)),
      options(std::move(opts)),
      keys(options.name_space),
      clock_(clock),
      main_(std::move(ex), endpoint, options.worker.empty() ? "conduit" : "conduit:" + options.worker, options.command_timeout) {
  if (endpoint.cluster.empty()) return;
  cluster_ = std::make_unique<Cluster>(executor, clock_, endpoint, options.worker.empty() ? "conduit" : "conduit:" + options.worker,
                                       options.command_timeout);
}

asio::awaitable<void> Server::close() {
  if (cluster_) co_await cluster_->close();
  co_await main_.close();
}

asio::awaitable<Result<std::vector<std::pair<std::string, Reply>>>> Server::ask_each(Words words) {
  if (cluster_) co_return co_await cluster_->exec_on_each(std::move(words));
  Pipeline command;
  command.add(views(words));
  CONDUIT_CO_TRY(auto replies, co_await main_.exec(std::move(command)));
  std::vector<std::pair<std::string, Reply>> out;
  out.emplace_back(name(), std::move(replies.front()));
  co_return out;
}

job::Ulid Server::fresh_ulid() {
  const EntryId now{static_cast<std::uint64_t>(to_unix_ms(clock_.wall_now())), 0};
  last_fresh_ = now.ms > last_fresh_.ms ? now : EntryId{last_fresh_.ms, last_fresh_.seq + 1};
  return placeless_ulid(last_fresh_, random_());
}

Error Server::error_of(ReplyView reply, std::string_view doing) const {
  if (const auto denied = denial(reply.text(), doing, endpoint.username)) {
    return {Errc::refused, fmt::format("{}: {}", name(), *denied)};
  }
  return to_error(reply.text(), doing, name());
}

asio::awaitable<Result<Replies>> Server::exec_lenient(Batch batch) {
  if (batch.empty()) co_return Replies();
  const auto doing = batch.pipeline_.name();
  Replies answers;
  if (cluster_) {
    auto steps = batch.steps();
    CONDUIT_CO_TRY(answers, co_await cluster_->exec(std::move(steps), doing));
  } else {
    // A server that has forgotten its scripts wants their calls again.
    auto bytes = batch.calls_.empty() ? std::string() : batch.pipeline_.bytes();
    CONDUIT_CO_TRY(answers, co_await main_.exec(std::move(batch.pipeline_)));
    const bool forgotten = std::any_of(batch.calls_.begin(), batch.calls_.end(), [&](const auto& call) {
      return is_unknown_script(answers[call.position]);
    });
    if (forgotten) {
      CONDUIT_CO_TRY(co_await repeat_unknown(std::move(batch), std::move(bytes), answers));
    }
  }
  for (const auto& reply : answers) {
    if (reply.view().is_error() && !is_absence(reply.view().text())) co_return error_of(reply.view(), doing);
  }
  co_return answers;
}

asio::awaitable<Result<>> Server::repeat_unknown(Batch batch, std::string bytes, Replies& replies) {
  Pipeline again;
  std::set<Script> loaded;
  for (const auto& call : batch.calls_) {
    if (is_unknown_script(replies[call.position]) && loaded.insert(call.script).second) {
      again.add({"SCRIPT", "LOAD", text_of(call.script).text});
    }
  }
  std::vector<std::size_t> positions;
  for (const auto& call : batch.calls_) {
    if (!is_unknown_script(replies[call.position])) continue;
    positions.push_back(call.position);
    again.append(batch.step(bytes, call.position));
  }
  auto repeated = co_await main_.exec(std::move(again));
  if (!repeated.has_value()) co_return repeated.error();
  for (std::size_t i = 0; i < loaded.size(); ++i) {
    if (repeated.value()[i].view().is_error()) co_return error_of(repeated.value()[i].view(), "SCRIPT LOAD");
  }
  for (std::size_t i = 0; i < positions.size(); ++i) {
    replies[positions[i]] = std::move(repeated.value()[loaded.size() + i]);
  }
  co_return ok();
}

asio::awaitable<Result<Replies>> Server::exec(Batch batch) {
  const auto doing = batch.pipeline_.name();
  auto replies = co_await exec_lenient(std::move(batch));
  if (!replies.has_value()) co_return replies;
  for (const auto& reply : replies.value()) {
    if (reply.view().is_error()) co_return error_of(reply.view(), doing);
  }
  co_return replies;
}

asio::awaitable<Result<Reply>> Server::call(Script script, Words with_keys, Words args) {
  Batch batch;
  batch.script(script, with_keys, args);
  auto replies = co_await exec(std::move(batch));
  if (!replies.has_value()) co_return replies.error();
  co_return std::move(replies.value().front());
}

}  // namespace conduitd::broker::redis
