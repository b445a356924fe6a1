#pragma once
// What can go wrong, as one enum for the whole daemon. The text of an Error says what was being done, to what.

#include <boost/system/error_category.hpp>
#include <boost/system/error_code.hpp>
#include <string>
#include <type_traits>
#include <utility>

namespace conduitd {

enum class Errc {
  invalid_argument = 1,  ///< the caller's input is wrong; trying again cannot help
  not_found,             ///< the thing named does not exist
  conflict,              ///< the thing is in a state that does not allow this
  lease_lost,            ///< another attempt holds the job now; the write changed nothing
  unavailable,           ///< the broker or a host cannot be reached now
  timed_out,             ///< no answer within the deadline
  refused,               ///< understood and not permitted: credentials, ACL, file modes
  full,                  ///< no room: disk, memory, a bound of ours
  corrupt,               ///< stored data is not what we wrote
  protocol,              ///< the peer sent something that makes no sense
  unsupported,           ///< valid, but not with this version, build or broker
  cancelled,             ///< we stopped it ourselves
  io,                    ///< the operating system failed us
  internal,              ///< our own bug, caught
};

const boost::system::error_category& conduit_category() noexcept;
boost::system::error_code make_error_code(Errc errc) noexcept;

/// An error: a code to act on and a sentence for people ("claim from stream 'mail': connection reset").
struct Error {
  boost::system::error_code code;
  std::string context;

  Error(Errc errc, std::string what);
  Error(boost::system::error_code from, std::string what);

  [[nodiscard]] bool is(Errc errc) const noexcept { return code == make_error_code(errc); }
  /// True where the same call may succeed later without anybody mending anything.
  [[nodiscard]] bool is_transient() const noexcept;
  /// The sentence shown to people.
  [[nodiscard]] const std::string& message() const noexcept { return context; }
  /// The same error with `doing` in front: "doing: what happened".
  [[nodiscard]] Error within(std::string_view doing) const;
};

}  // namespace conduitd

template <>
struct boost::system::is_error_code_enum<conduitd::Errc> : std::true_type {};
