#include "host/staging.h"

#include <algorithm>

namespace conduitd::host {

void Staging::put(std::vector<Work>& arrived) {
  const std::size_t count = arrived.size();
  {
    const std::lock_guard lock(mutex_);
    for (auto& work : arrived) waiting_.push_back(std::move(work));
  }
  arrived.clear();
  if (count == 1) {
    changed_.notify_one();
  } else if (count > 1) {
    changed_.notify_all();
  }
}

std::optional<Work> Staging::next() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return closed_ || !waiting_.empty(); });
  if (waiting_.empty()) return std::nullopt;
  std::optional<Work> work = std::move(waiting_.front());
  waiting_.pop_front();
  return work;
}

bool Staging::withdraw(const Attempt& attempt) {
  const std::lock_guard lock(mutex_);
  const auto is_it = [&attempt](const Work& work) { return work.attempt.get() == &attempt; };
  return std::erase_if(waiting_, is_it) > 0;
}

bool Staging::empty() const {
  const std::lock_guard lock(mutex_);
  return waiting_.empty();
}

void Staging::close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  changed_.notify_all();
}

}  // namespace conduitd::host
