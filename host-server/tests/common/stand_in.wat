(module
  (import "wbg" "__wbindgen_throw" (func (param i32 i32)))
  (memory (export "memory") 64)
  (global $top (mut i32) (i32.const 65536))
  (global $status (mut i32) (i32.const 0))
  (data (i32.const 1024) "{\"prediction\":1,\"approve\":true}")
  (data (i32.const 2048) "{\"detail\":[]}")
  (data (i32.const 3072) "{\"detail\":\"the artifact is broken\"}")
  (data (i32.const 4096) "{\"abi\":1,\"model\":{\"name\":\"stand-in\",\"version\":\"1.2.3\",\"digest\":\"sha256:00\",\"title\":\"A stand-in\",\"description\":\"Decides nothing.\"},\"features\":[{\"name\":\"a\",\"type\":\"category\",\"role\":\"input\"},{\"name\":\"b\",\"type\":\"number\",\"role\":\"input\"},{\"name\":\"c\",\"type\":\"boolean\",\"role\":\"protected\"}]}")

  (func $packed (param $pointer i32) (param $length i32) (result i64)
    (i64.or
      (i64.shl (i64.extend_i32_u (local.get $pointer)) (i64.const 32))
      (i64.extend_i32_u (local.get $length))))

  (func (export "abi_version") (result i32) (i32.const 1))

  ;; Never reuses memory: enough for the tests' few long bodies.
  (func (export "abi_alloc") (param $length i32) (result i32)
    (local $pointer i32)
    (local.set $pointer (global.get $top))
    (if (i32.gt_u (i32.add (local.get $pointer) (local.get $length)) (i32.const 4194304))
      (then (return (i32.const 0))))
    (global.set $top
      (i32.and (i32.add (i32.add (local.get $pointer) (local.get $length)) (i32.const 15)) (i32.const -16)))
    (local.get $pointer))

  (func (export "abi_free") (param i32 i32))

  (func (export "abi_load") (result i64) (i64.const 0))

  (func (export "abi_describe") (result i64) (call $packed (i32.const 4096) (i32.const 282)))

  (func (export "abi_status") (result i32) (global.get $status))

  (func (export "abi_decide") (param $pointer i32) (param $length i32) (result i64)
    (local $first i32)
    (local.set $first (i32.load8_u (local.get $pointer)))
    (global.set $status (i32.const 200))
    (if (i32.gt_u (local.get $length) (i32.const 1048576))
      (then
        (global.set $status (i32.const 413))
        (return (call $packed (i32.const 2048) (i32.const 13)))))
    (if (i32.eq (local.get $first) (i32.const 0x6c)) ;; l
      (then (loop $for_ever (br $for_ever))))
    (if (i32.eq (local.get $first) (i32.const 0x6d)) ;; m
      (then
        (loop $more
          (br_if $more (i32.ne (memory.grow (i32.const 16)) (i32.const -1))))))
    (if (i32.eq (local.get $first) (i32.const 0x74)) ;; t
      (then unreachable))
    (if (i32.eq (local.get $first) (i32.const 0x6f)) ;; o
      (then (return (i64.const -1))))
    (if (i32.eq (local.get $first) (i32.const 0x73)) ;; s
      (then (global.set $status (i32.const 418))))
    (if (i32.eq (local.get $first) (i32.const 0x78)) ;; x
      (then (return (call $packed (i32.const 1024) (i32.const 5)))))
    (if (i32.eq (local.get $first) (i32.const 0x35)) ;; 5
      (then
        (global.set $status (i32.const 422))
        (return (call $packed (i32.const 2048) (i32.const 13)))))
    (call $packed (i32.const 1024) (i32.const 31)))

  ;; Probability: the first column as it came; a row of -1 is refused.
  (func (export "abi_batch") (param $columns i32) (param $rows i32) (param $out i32) (result i32)
    (local $row i32) (local $at i32) (local $refused i32)
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $row) (local.get $rows)))
        (local.set $at (i32.shl (local.get $row) (i32.const 3)))
        (f64.store
          (i32.add (local.get $out) (local.get $at))
          (f64.load (i32.add (local.get $columns) (local.get $at))))
        (if (f64.eq (f64.load (i32.add (local.get $columns) (local.get $at))) (f64.const -1))
          (then (local.set $refused (i32.add (local.get $refused) (i32.const 1)))))
        (local.set $row (i32.add (local.get $row) (i32.const 1)))
        (br $next)))
    (local.get $refused)))
