// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
module weft.dev/tests/apps

go 1.19

require (
	google.golang.org/grpc v1.56.3
	google.golang.org/protobuf v1.30.0
)
