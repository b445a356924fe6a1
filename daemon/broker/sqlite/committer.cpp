#include "broker/sqlite/committer.h"
#include "broker/sqlite/operations.h"

#include <pthread.h>
#include <signal.h>

#include <boost/asio/post.hpp>
#include <iterator>

namespace conduitd::broker::sqlite {

Committer::Committer(boost::asio::any_io_executor executor, std::unique_ptr<Store> store, bool writes, Hooks hooks)
    : executor_(std::move(executor)),
      writes_(writes),
      hooks_(std::make_shared<const Hooks>(std::move(hooks))),
      store_(std::move(store)) {
  // Signals are the main thread's: the new thread inherits a mask that blocks them.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] { thread_main(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

Committer::~Committer() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

boost::asio::awaitable<void> Committer::stop() {
  if (std::exchange(closed_, true)) co_return;
  // Behind all that was accepted before; then the thread has nothing left to do and the join is short.
  std::function<Result<int>(Store&)> last = [](Store&) { return Result<int>(0); };
  const auto initiate = [this](auto handler, std::function<Result<int>(Store&)> todo) {
    auto operation = std::make_unique<Typed<int, decltype(handler)>>(executor_, std::move(handler), std::move(todo));
    const std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(operation));
    wake_.notify_one();
  };
  (void)co_await boost::asio::async_initiate<const boost::asio::use_awaitable_t<>&, void(Result<int>)>(
      initiate, boost::asio::use_awaitable, std::move(last));
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void Committer::nudge() {
  if (closed_) return;
  const std::lock_guard lock(mutex_);
  look_ = true;
  wake_.notify_one();
}

void Committer::submit(std::unique_ptr<Operation> operation) {
  if (!closed_) {
    const std::lock_guard lock(mutex_);
    if (waiting_.size() < kMostWaiting) {
      waiting_.push_back(std::move(operation));
      wake_.notify_one();
      return;
    }
  }
  operation->fail(closed_ ? Error(Errc::cancelled, "the broker is closed")
                          : Error(Errc::unavailable, "too many operations wait for the database"));
  boost::asio::post(executor_, [done = std::move(operation)] { done->complete(); });
}

std::optional<Committer::Group> Committer::next_group() {
  std::unique_lock lock(mutex_);
  wake_.wait(lock, [this] { return stopping_ || look_ || !waiting_.empty(); });
  if (waiting_.empty() && stopping_) return std::nullopt;
  look_ = false;
  Group group;
  if (waiting_.size() <= kGroup) {
    group.swap(waiting_);
  } else {
    const auto end = waiting_.begin() + static_cast<std::ptrdiff_t>(kGroup);
    group.assign(std::make_move_iterator(waiting_.begin()), std::make_move_iterator(end));
    waiting_.erase(waiting_.begin(), end);
  }
  return group;
}

void Committer::thread_main() {
  while (auto group = next_group()) {
    Effects effects;
    if (const auto done = transact(*group, effects); !done.has_value()) {
      effects = {};
      effects.others_wrote = broken_.has_value();  // whoever waits should come and hear of it
      data_version_ = -1;  // what the look had found is still to be told
      for (const auto& operation : *group) operation->fail(done.error());
    }
    deliver(std::move(*group), std::move(effects));
    keep_log_short();
  }
  if (writes_ && !broken_) store_->db().checkpoint(true);
  store_.reset();
}

void Committer::keep_log_short() {
  auto& db = store_->db();
  if (!writes_ || broken_ || db.log_pages() <= checkpoint_at_) return;
  // Somebody who reads for long holds it up: come back when the log has grown by half as much again.
  checkpoint_at_ = db.checkpoint(false) ? kLogPages : db.log_pages() + kLogPages / 2;
}

/// An error means that nothing of the group was committed.
Result<> Committer::transact(Group& group, Effects& effects) {
  if (!broken_ && store_->db().sync_failed()) {
    // After a failed sync the system may forget the data and report success the next time.
    broken_ = Error(Errc::io, "database " + store_->db().path() +
                                  ": the disk failed to keep what was written; check it, then restart");
  }
  if (!broken_ && hooks_->check) {
    if (const auto checked = hooks_->check(); !checked.has_value()) broken_ = checked.error();
  }
  if (broken_) return *broken_;
  // A mere look takes the write lock too: the log is seen to grow before the commit that lets it grow is done, and the
  // one who commits holds the lock until then.
  CONDUIT_TRY(store_->db().run(writes_ ? "BEGIN IMMEDIATE" : "BEGIN"));
  auto performed = perform_all(group, effects);
  if (performed.has_value()) {
    if (const auto committed = store_->db().run("COMMIT"); committed.has_value()) return ok();
    else performed = committed.error();
  }
  if (store_->db().in_transaction()) (void)store_->db().run("ROLLBACK");
  store_->forget();
  return performed;
}

Result<> Committer::perform_all(Group& group, Effects& effects) {
  if (writes_) {
    CONDUIT_TRY(look_around(effects));
  }
  for (const auto& operation : group) {
    CONDUIT_TRY(perform_one(*operation, group.size() == 1, effects));
  }
  return ok();
}

/// An error means that the transaction is over; the operation's own failure is undone and its own affair.
Result<> Committer::perform_one(Operation& operation, bool alone, Effects& effects) {
  if (!alone && writes_) {
    CONDUIT_TRY(store_->db().run("SAVEPOINT operation"));
  }
  store_->effects = {};
  auto performed = operation.perform(*store_);
  if (performed.has_value() && writes_ && !store_->effects.ended.empty()) performed = release_held(*store_);
  if (performed.has_value()) {
    effects.add(std::move(store_->effects));
    if (!alone && writes_) {
      CONDUIT_TRY(store_->db().run("RELEASE operation"));
    }
    return ok();
  }
  operation.fail(performed.error());
  // SQLite ends the whole transaction by itself for some errors, a full disk among them.
  if (!store_->db().in_transaction() || (alone && writes_)) return performed.error();
  store_->forget();
  if (writes_) {
    CONDUIT_TRY(store_->db().run("ROLLBACK TO operation"));
    CONDUIT_TRY(store_->db().run("RELEASE operation"));
  }
  return ok();
}

/// What other connections have done since we looked last, as far as somebody here must be told.
Result<> Committer::look_around(Effects& effects) {
  std::int64_t version = 0;
  auto& db = store_->db();
  // Asked inside the transaction, where it is the version this transaction sees.
  CONDUIT_TRY(db.each("PRAGMA data_version", [&](const Row& row) { version = row.integer(0); }));
  if (std::exchange(data_version_, version) == version) return ok();
  effects.others_wrote = true;
  std::string paused;
  CONDUIT_TRY(db.each("SELECT kind, name FROM paused",
                      [&](const Row& row) { paused += row.text(0) + ' ' + row.text(1) + '\n'; }));
  effects.pauses_changed = std::exchange(paused_, paused) != paused;
  CONDUIT_TRY(db.each(
      "SELECT l.queue, j.seq, j.stamp FROM jobs j INDEXED BY cancelling JOIN lines l USING(line) "
      "WHERE j.cancel = 1 AND j.status = 2 AND j.worker = ?",
      [&](const Row& row) { effects.cancels.push_back(make_job_id(row.text(0), {row.integer(1), row.integer(2)})); },
      store_->options.worker));
  return ok();
}

void Committer::deliver(Group group, Effects effects) {
  const bool tell = effects.work_added || effects.others_wrote || effects.pauses_changed || !effects.ended.empty() ||
                    !effects.cancels.empty();
  if (group.empty() && !tell) return;
  boost::asio::post(executor_, [group = std::move(group), effects = std::move(effects), hooks = hooks_, tell]() mutable {
    for (const auto& operation : group) operation->complete();
    if (tell && hooks->on_effects) hooks->on_effects(std::move(effects));
  });
}

}  // namespace conduitd::broker::sqlite
