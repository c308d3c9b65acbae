(* What an application does with Xen's OCaml bindings and an event loop of its own: it has the hypervisor print something, makes a
   guest, hears that it has powered off, destroys it, and hears that too.

     guest KERNEL

   KERNEL is a PVH guest's that powers off when its command line begins with p. Numbers that differ from run to run are not
   printed. *)
open Xenlight

let memory_kib = 16384L
let shadow_kib = 4096L
let deadline = 60.
let say format = Printf.ksprintf print_endline format

let logger =
  let vmessage level _errno _context message =
    if Xentoollog.compare_level level Xentoollog.Error >= 0 then prerr_endline (Xentoollog.level_to_string level ^ ": " ^ message) in
  Xentoollog.create "guest" { Xentoollog.vmessage; progress = fun _ _ _ _ _ -> () }

(* The library's descriptors and timers. *)
type timer = { mutable at : float; fire : Async.for_libxl }

let descriptors : (Unix.file_descr, event list * Async.for_libxl) Hashtbl.t = Hashtbl.create 8
let timers : (int, timer) Hashtbl.t = Hashtbl.create 8
let timers_so_far = ref 0

let fd_register () fd events registration =
  Hashtbl.replace descriptors fd (events, registration);
  registration
let fd_modify () fd registration events =
  Hashtbl.replace descriptors fd (events, registration);
  registration
let fd_deregister () fd _ = Hashtbl.remove descriptors fd
let timeout_register () seconds microseconds fire =
  incr timers_so_far;
  Hashtbl.replace timers !timers_so_far { at = Int64.to_float seconds +. (Int64.to_float microseconds /. 1e6); fire };
  !timers_so_far
let timeout_fire_now () number =
  (Hashtbl.find timers number).at <- 0.;
  number

(* turn CTX: hands what is ready to the library, and waits for it a while. *)
let turn ctx =
  let wanting kind = Hashtbl.fold (fun fd (events, _) fds -> if List.mem kind events then fd :: fds else fds) descriptors [] in
  let next = Hashtbl.fold (fun _ timer soonest -> min timer.at soonest) timers (Unix.gettimeofday () +. 1.) in
  let readable, writable, _ = Unix.select (wanting POLLIN) (wanting POLLOUT) [] (max 0. (next -. Unix.gettimeofday ())) in
  let tell kind fd =
    match Hashtbl.find_opt descriptors fd with
    | Some (events, registration) when List.mem kind events -> Async.osevent_occurred_fd ctx registration fd events [ kind ]
    | _ -> () in
  List.iter (tell POLLIN) readable;
  List.iter (tell POLLOUT) writable;
  let now = Unix.gettimeofday () in
  let due = Hashtbl.fold (fun number timer due -> if timer.at <= now then (number, timer.fire) :: due else due) timers [] in
  let fire (number, fire) =
    Hashtbl.remove timers number;
    Async.osevent_occurred_timeout ctx fire in
  List.iter fire due

let await ctx what happened =
  let limit = Unix.gettimeofday () +. deadline in
  while not (happened ()) do
    if Unix.gettimeofday () > limit then (say "%s: not within %.0f s" what deadline; exit 1);
    turn ctx
  done;
  say "%s" what

(* printed CTX WORDS: whether a line of the hypervisor's console has them. *)
let printed ctx words =
  let has line =
    let length = String.length words in
    let rec from at = at + length <= String.length line && (String.sub line at length = words || from (at + 1)) in
    from 0 in
  let reader = Host.xen_console_read_start ctx 0 in
  let rec look found =
    match Host.xen_console_read_line ctx reader with
    | line -> look (found || has line)
    | exception Host.End_of_file -> found in
  let found = look false in
  Host.xen_console_read_finish ctx reader;
  found

let refused what attempt =
  match attempt () with
  | () -> say "%s: nothing was wrong" what
  | exception Error (error, where) -> say "%s: %s in %s" what (string_of_error error) where

let () =
  let kernel = Sys.argv.(1) in
  register_exceptions ();
  let ctx = ctx_alloc logger in
  let hooks = Async.osevent_register_hooks ctx ~user:() ~fd_register ~fd_modify ~fd_deregister ~timeout_register ~timeout_fire_now in
  let events = ref [] and results = ref [] in
  let event_occurs_callback () (event : Event.t) = events := event :: !events in
  let event_disaster_callback () _ message _ = say "disaster: %s" message; exit 1 in
  let callbacks = Async.event_register_callbacks ctx ~user:() ~event_occurs_callback ~event_disaster_callback in
  Async.async_register_callback ~async_callback:(fun ~result ~user -> results := (user, result) :: !results);

  Host.send_debug_keys ctx "q";
  say "the hypervisor prints what a key asks for: %b" (printed ctx "'q' pressed");
  say "domains: %d" (List.length (Dominfo.list ctx));
  let config = Domain_config.default ctx () in
  let c_info = { config.c_info with xl_type = DOMAIN_TYPE_PVH; name = Some "caml" } in
  let b_info =
    { (Domain_build_info.default ctx ~xl_type:DOMAIN_TYPE_PVH ()) with
      max_vcpus = 1; max_memkb = memory_kib; target_memkb = memory_kib; shadow_memkb = shadow_kib;
      kernel = Some kernel; cmdline = Some "p" } in
  let domid = Domain.create_new ctx { config with c_info; b_info } () in
  let info = Dominfo.get ctx domid in
  say "created: %s, paused %b, at most %Ld KiB" (string_of_domain_type info.domain_type) info.paused info.max_memkb;
  say "domains: %d" (List.length (Dominfo.list ctx));

  let user = 7 in
  Async.evenable_domain_death ctx domid user;
  let heard kind = List.exists (fun (event : Event.t) ->
    event.domid = domid && event.for_user = Int64.of_int user && kind event.xl_type) !events in
  Domain.unpause ctx domid ?async:None;
  await ctx "the guest has powered off" (fun () -> heard (function
    | Event.Domain_shutdown { shutdown_reason } -> shutdown_reason = 0
    | _ -> false));
  say "shutdown by what is known of it: %b" (Dominfo.get ctx domid).shutdown;

  Domain.destroy ctx domid ~async:"destruction" ();
  await ctx "the guest is gone" (fun () -> heard (function Event.Domain_death -> true | _ -> false));
  await ctx "its destruction has ended" (fun () -> List.mem_assoc "destruction" !results);
  say "without an error: %b" (List.assoc "destruction" !results = None);
  say "domains: %d" (List.length (Dominfo.list ctx));

  refused "another destruction" (fun () -> Domain.destroy ctx domid ());
  refused "unpausing no domain" (fun () -> Domain.unpause ctx domid ?async:None);
  refused "information about no domain" (fun () -> ignore (Dominfo.get ctx domid));
  (* The library calls them as long as it has its context. *)
  ignore (Sys.opaque_identity (hooks, callbacks))
