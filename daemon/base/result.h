#pragma once
// Result<T>: a value or an Error. Every function that can fail returns one; none throws.
// Use only has_value(), value(), error() and the macros below. `.value()` on an error terminates: that is a bug.

#include <boost/outcome/basic_result.hpp>
#include <boost/outcome/policy/terminate.hpp>
#include <boost/outcome/try.hpp>

#include "base/errc.h"

namespace conduitd {

template <class T = void>
using Result = boost::outcome_v2::basic_result<T, Error, boost::outcome_v2::policy::terminate>;

/// The Result<void> that says all went well.
inline Result<> ok() noexcept { return boost::outcome_v2::success(); }

}  // namespace conduitd

/// CONDUIT_TRY(expr) or CONDUIT_TRY(auto name, expr): leave this function with the error, or go on with the value.
#define CONDUIT_TRY(...) BOOST_OUTCOME_TRY(__VA_ARGS__)
/// The same inside a coroutine.
#define CONDUIT_CO_TRY(...) BOOST_OUTCOME_CO_TRY(__VA_ARGS__)
