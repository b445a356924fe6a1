#include "base/errc.h"

#include <fmt/format.h>

namespace conduitd {
namespace {

// Boost's base class keeps its destructor protected and not virtual on purpose: categories are never deleted.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wnon-virtual-dtor"
class Category final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "conduit"; }
  std::string message(int value) const override {
    switch (static_cast<Errc>(value)) {
      case Errc::invalid_argument: return "invalid argument";
      case Errc::not_found: return "not found";
      case Errc::conflict: return "conflict";
      case Errc::lease_lost: return "lease lost";
      case Errc::unavailable: return "unavailable";
      case Errc::timed_out: return "timed out";
      case Errc::refused: return "refused";
      case Errc::full: return "no room";
      case Errc::corrupt: return "corrupt data";
      case Errc::protocol: return "protocol error";
      case Errc::unsupported: return "unsupported";
      case Errc::cancelled: return "cancelled";
      case Errc::io: return "input/output error";
      case Errc::internal: return "internal error";
    }
    return "unknown error";
  }
};
#pragma GCC diagnostic pop

}  // namespace

const boost::system::error_category& conduit_category() noexcept {
  static const Category category;
  return category;
}

boost::system::error_code make_error_code(Errc errc) noexcept {
  return {static_cast<int>(errc), conduit_category()};
}

Error::Error(Errc errc, std::string what) : code(make_error_code(errc)), context(std::move(what)) {}

Error::Error(boost::system::error_code from, std::string what)
    : code(from), context(fmt::format("{}: {}", what, from.message())) {}

bool Error::is_transient() const noexcept {
  return is(Errc::unavailable) || is(Errc::timed_out) || is(Errc::full) || is(Errc::io);
}

Error Error::within(std::string_view doing) const {
  Error out = *this;
  out.context = fmt::format("{}: {}", doing, context);
  return out;
}

}  // namespace conduitd
